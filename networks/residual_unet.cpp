#include "networks/residual_unet.h"

#include <string>

namespace totum {

UNetShape backbone_shape(std::int64_t outputs, std::int64_t width, std::int64_t stem_stride) {
  TORCH_CHECK(width > 0 && width % 16 == 0, "the backbone's width is ", width,
              "; must be a positive multiple of 16");
  TORCH_CHECK(stem_stride == 1 || stem_stride == 2, "stem_stride is ", stem_stride, "; must be 1 or 2");
  UNetShape shape;
  shape.outputs = outputs;
  shape.width = width;
  shape.stem_stride = stem_stride;
  return shape;
}

UNetShape refiner_shape(std::int64_t base, std::int64_t stem_stride) {
  TORCH_CHECK(base > 0 && base % 8 == 0, "the refiner's base is ", base,
              "; must be a positive multiple of 8");
  TORCH_CHECK(stem_stride == 2 || stem_stride == 4, "the refiner's stem_stride is ", stem_stride,
              "; must be 2 or 4");
  return {.in_channels = 2,
          .outputs = 2,
          .width = base,
          .blocks = {1, 1, 1, 1, 1},
          .groups = 4,
          .fusion_groups = base / 2,
          .head_groups = base / 4,
          .stem_stride = 2,
          .second_stem_stride = stem_stride / 2};
}

UNetLevels select_images(const UNetLevels& levels, const at::Tensor& images) {
  UNetLevels selected;
  for (std::size_t i = 0; i < levels.size(); ++i) selected[i] = levels[i].index_select(0, images);
  return selected;
}

UNetLevels repeat_images(const UNetLevels& levels, std::int64_t times) {
  UNetLevels repeated;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    repeated[i] = levels[i].unsqueeze(1).expand({-1, times, -1, -1, -1, -1}).flatten(0, 1);
  }
  return repeated;
}

// Modules are registered in the order in which data meets them; initialisation and state follow that order.
UNetEncoderImpl::UNetEncoderImpl(const UNetShape& shape)
    : stem_(register_module(
          "stem", StandardisedConv(ConvShape{shape.in_channels, shape.width, 3, shape.stem_stride}))),
      fusion_norm_(nullptr),
      fusion_conv_(nullptr) {
  const std::int64_t w = shape.width;
  const std::array<std::int64_t, 5> channels{w, 2 * w, 4 * w, 8 * w, 8 * w};
  if (shape.second_stem_stride > 0) {
    second_stem_ =
        register_module("second_stem", StandardisedConv(ConvShape{w, w, 3, shape.second_stem_stride}));
  }
  std::int64_t in = w;
  for (std::size_t stage = 0; stage < 5; ++stage) {
    for (std::int64_t block = 0; block < shape.blocks[stage]; ++block) {
      const std::int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      stages_[stage].push_back(register_module("stage" + std::to_string(stage) + "_" + std::to_string(block),
                                               ResidualBlock(in, channels[stage], stride, shape.groups)));
      in = channels[stage];
    }
  }
  fusion_norm_ = register_module("fusion_norm", torch::nn::GroupNorm(shape.fusion_groups, in));
  fusion_conv_ = register_module("fusion_conv", StandardisedConv(ConvShape{in, in, 1, 1}));
}

UNetLevels UNetEncoderImpl::forward(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 5, "the network's input has ", x.dim(), " dimensions; must be [B,channels,D,H,W]");
  UNetLevels levels;
  at::Tensor y = stem_(x);
  if (!second_stem_.is_empty()) y = second_stem_(y);
  for (std::size_t stage = 0; stage < 5; ++stage) {
    for (auto& block : stages_[stage]) y = block(y);
    levels[stage] = y;
  }
  levels.back() = fusion_conv_(fusion_norm_(y).relu_());
  return levels;
}

UNetDecoderImpl::UNetDecoderImpl(const UNetShape& shape) : head_norm_(nullptr), head_conv_(nullptr) {
  const std::int64_t w = shape.width;
  std::int64_t in = 8 * w;
  for (const std::int64_t out : {4 * w, 2 * w, w, w}) {
    blocks_.push_back(
        register_module("block" + std::to_string(blocks_.size()), ResidualBlock(in, out, 1, shape.groups)));
    in = out;
  }
  head_norm_ = register_module("head_norm", torch::nn::GroupNorm(shape.head_groups, w));
  head_conv_ = register_module("head_conv", torch::nn::Conv3d(torch::nn::Conv3dOptions(w, shape.outputs, 1)));
}

UNetOutput UNetDecoderImpl::forward(const UNetLevels& levels, at::IntArrayRef size) {
  UNetOutput output;
  at::Tensor y = levels.back();
  for (std::size_t level = 0; level < 4; ++level) {
    const at::Tensor& skip = levels[3 - level];
    y = blocks_[level](upsample_to(y, skip.sizes().slice(2)) + skip);
    if (level < 3) output.features[level] = y;
  }
  output.logits = upsample_to(convolve_points(head_conv_, head_norm_(y).relu_()), size);
  return output;
}

ResidualUNetImpl::ResidualUNetImpl(const UNetShape& shape)
    : encoder_(register_module("encoder", UNetEncoder(shape))),
      decoder_(register_module("decoder", UNetDecoder(shape))) {}

UNetOutput ResidualUNetImpl::forward(const at::Tensor& x) {
  return decoder_(encoder_(x), x.sizes().slice(2));
}

}  // namespace totum
