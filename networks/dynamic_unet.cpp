#include "networks/dynamic_unet.h"

namespace totum {

namespace {

UNetShape with_outputs(UNetShape shape, std::int64_t outputs) {
  shape.outputs = outputs;
  return shape;
}

}  // namespace

at::Tensor dynamic_head(const at::Tensor& features, const at::Tensor& filters,
                        const DynamicHeadShape& shape) {
  const std::int64_t w = shape.width;
  const std::int64_t k = shape.outputs;
  TORCH_CHECK(filters.dim() == 2 && filters.size(1) == shape.filters(), "a head of ", shape.filters(),
              " filters got ", filters.sizes());
  const auto parts = filters.split_with_sizes({w * w, w * w, w * k, w, w, k}, 1);
  const std::array<std::int64_t, 3> outputs{w, w, k};
  at::Tensor x = features.flatten(2);  // [B,width,N]
  for (std::size_t layer = 0; layer < 3; ++layer) {
    const at::Tensor weight = parts[layer].view({-1, outputs[layer], w});
    x = at::baddbmm(parts[layer + 3].unsqueeze(2), weight, x);
    if (layer < 2) x = x.relu();
  }
  std::vector<std::int64_t> size = features.sizes().vec();
  size[1] = k;
  return x.view(size);
}

DynamicUNetImpl::DynamicUNetImpl(UNetShape backbone, std::int64_t tasks, const DynamicHeadShape& head)
    : head_(head),
      encoder_(register_module("encoder", UNetEncoder(backbone))),
      decoder_(register_module("decoder", UNetDecoder(with_outputs(backbone, head.width)))),
      pool_norm_(
          register_module("pool_norm", torch::nn::GroupNorm(backbone.fusion_groups, 8 * backbone.width))),
      controller_(register_module("controller", torch::nn::Conv3d(torch::nn::Conv3dOptions(
                                                    8 * backbone.width + tasks, head.filters(), 1)))) {}

DynamicFeatures DynamicUNetImpl::features(const at::Tensor& x) {
  const UNetLevels levels = encoder_(x);
  // The head stands at the stem's size; its logits are upsampled, like the plain network's.
  return {decoder_(levels, levels.front().sizes().slice(2)).logits,
          pool_norm_(levels.back()).relu().mean({2, 3, 4})};
}

at::Tensor DynamicUNetImpl::filters(const at::Tensor& image_code, const at::Tensor& task_code) {
  const at::Tensor code = at::cat({image_code, task_code.to(image_code.scalar_type())}, 1);
  return at::linear(code, controller_->weight.flatten(1), controller_->bias);
}

at::Tensor DynamicUNetImpl::logits(const DynamicFeatures& features, const at::Tensor& task_code,
                                   at::IntArrayRef size) {
  return upsample_to(dynamic_head(features.head_input, filters(features.image_code, task_code), head_), size);
}

at::Tensor DynamicUNetImpl::forward(const at::Tensor& x, const at::Tensor& task_code) {
  return logits(features(x), task_code, x.sizes().slice(2));
}

}  // namespace totum
