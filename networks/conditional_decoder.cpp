#include "networks/conditional_decoder.h"

#include <string>

namespace totum {

double organ_condition(std::int64_t organ) { return -1.0 + 2.0 * static_cast<double>(organ - 1) / 12.0; }

ConditionedConvImpl::ConditionedConvImpl(const ConvShape& shape)
    : shape_(shape),
      weight_(register_parameter(
          "weight", torch::empty({shape.out, shape.in + 1, shape.kernel, shape.kernel, shape.kernel}))) {}

// The constant map is not built: what the convolution makes of it is v times what it makes of ones, which is
// the same for all images. (An odd number of channels would also cost the CPU's vector units a block.)
at::Tensor ConditionedConvImpl::forward(const at::Tensor& x, const at::Tensor& condition) {
  const at::Tensor weight = standardise_weight(weight_);
  const at::Tensor ones = at::ones({1, 1, x.size(2), x.size(3), x.size(4)}, x.options());
  const at::Tensor response = convolve(ones, weight.slice(1, shape_.in), {}, shape_.stride);
  const at::Tensor image = convolve(x, weight.slice(1, 0, shape_.in).contiguous(), {}, shape_.stride);
  return at::addcmul(image, condition.view({-1, 1, 1, 1, 1}), response);
}

ConditionedBlockImpl::ConditionedBlockImpl(std::int64_t in, std::int64_t out, std::int64_t groups)
    : norm1_(register_module("norm1", torch::nn::GroupNorm(groups, in))),
      conv1_(register_module("conv1", ConditionedConv(ConvShape{in, out, 3, 1}))),
      norm2_(register_module("norm2", torch::nn::GroupNorm(groups, out))),
      conv2_(register_module("conv2", ConditionedConv(ConvShape{out, out, 3, 1}))) {
  if (in == out) return;
  shortcut_norm_ = register_module("shortcut_norm", torch::nn::GroupNorm(groups, in));
  shortcut_conv_ = register_module("shortcut_conv", ConditionedConv(ConvShape{in, out, 1, 1}));
}

at::Tensor ConditionedBlockImpl::forward(const at::Tensor& x, const at::Tensor& condition) {
  const at::Tensor inner = conv1_(norm1_(x).relu_(), condition);
  const at::Tensor residual = conv2_(norm2_(inner).relu_(), condition);
  if (shortcut_conv_.is_empty()) return residual + x;
  return residual + shortcut_conv_(shortcut_norm_(x).relu_(), condition);
}

ConditionalDecoderImpl::ConditionalDecoderImpl(const UNetShape& backbone)
    : head_norm_(nullptr), head_conv_(nullptr) {
  const std::int64_t w = backbone.width;
  std::int64_t in = 8 * w;
  for (const std::int64_t out : {4 * w, 2 * w, w, w}) {
    blocks_.push_back(register_module("block" + std::to_string(blocks_.size()),
                                      ConditionedBlock(in, out, backbone.groups)));
    in = out;
  }
  head_norm_ = register_module("head_norm", torch::nn::GroupNorm(backbone.head_groups, w));
  head_conv_ = register_module("head_conv", torch::nn::Conv3d(torch::nn::Conv3dOptions(w, 1, 1)));
}

at::Tensor ConditionalDecoderImpl::forward(const UNetLevels& levels, const at::Tensor& condition,
                                           at::IntArrayRef size) {
  at::Tensor y = levels.back();
  for (std::size_t level = 0; level < 4; ++level) {
    const at::Tensor& skip = levels[3 - level];
    y = blocks_[level](upsample_to(y, skip.sizes().slice(2)) + skip, condition);
  }
  return upsample_to(convolve_points(head_conv_, head_norm_(y).relu_()), size);
}

}  // namespace totum
