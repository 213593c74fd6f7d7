#include "networks/prompt_unet.h"

#include <string>

namespace totum {

namespace {

// Size of the bottleneck: the stem's stride, then four halvings, each rounded up as by a convolution.
std::vector<std::int64_t> prompt_shape(std::int64_t tasks, std::array<std::int64_t, 3> size,
                                       std::int64_t stem_stride) {
  std::vector<std::int64_t> shape{1, tasks};
  const int halvings = stem_stride == 2 ? 5 : 4;
  for (std::int64_t axis : size) {
    for (int i = 0; i < halvings; ++i) axis = (axis + 1) / 2;
    shape.push_back(axis);
  }
  return shape;
}

}  // namespace

PromptFusionImpl::PromptFusionImpl(std::int64_t channels, std::int64_t tasks) {
  const std::int64_t between = (channels + tasks) / 4;
  std::int64_t in = channels + tasks;
  for (const std::int64_t out : {between, between, tasks}) {
    const std::string number = std::to_string(convs_.size());
    convs_.push_back(
        register_module("conv" + number, torch::nn::Conv3d(torch::nn::Conv3dOptions(in, out, 3).padding(1))));
    norms_.push_back(register_module(
        "norm" + number, torch::nn::InstanceNorm3d(torch::nn::InstanceNorm3dOptions(out).affine(true))));
    in = out;
  }
}

at::Tensor PromptFusionImpl::forward(const at::Tensor& features, const at::Tensor& prompt) {
  at::Tensor x = at::cat({features, prompt.expand({features.size(0), -1, -1, -1, -1})}, 1);
  for (std::size_t i = 0; i < convs_.size(); ++i) {
    x = at::leaky_relu(norms_[i](convolve(x, convs_[i]->weight, convs_[i]->bias, 1)), 0.01);
  }
  return x;
}

at::Tensor select_prompts(const at::Tensor& prompts, const at::Tensor& task) {
  const at::Tensor image = at::arange(prompts.size(0), task.options());
  return prompts.index({image, task}).unsqueeze(1);
}

PromptUNetImpl::PromptUNetImpl(const UNetShape& backbone, std::int64_t tasks,
                               const std::array<std::int64_t, 3>& patch_voxels)
    : encoder_(register_module("encoder", UNetEncoder(backbone))),
      prompt_(register_parameter("prompt",
                                 torch::zeros(prompt_shape(tasks, patch_voxels, backbone.stem_stride)))),
      fusion_(register_module("fusion", PromptFusion(8 * backbone.width, tasks))),
      projection_(register_module("projection", torch::nn::Conv3d(torch::nn::Conv3dOptions(
                                                    8 * backbone.width + 1, 8 * backbone.width, 1)))),
      decoder_(register_module("decoder", UNetDecoder(backbone))) {}

at::Tensor PromptUNetImpl::prompts(const UNetLevels& levels) {
  return fusion_(levels.back(), upsample_to(prompt_, levels.back().sizes().slice(2)));
}

at::Tensor PromptUNetImpl::decode(UNetLevels levels, const at::Tensor& prompt, at::IntArrayRef size) {
  levels.back() = convolve(at::cat({levels.back(), prompt}, 1), projection_->weight, projection_->bias, 1);
  return decoder_(levels, size).logits;
}

at::Tensor PromptUNetImpl::forward(const at::Tensor& x, const at::Tensor& task) {
  const UNetLevels levels = encode(x);
  return decode(levels, select_prompts(prompts(levels), task), x.sizes().slice(2));
}

}  // namespace totum
