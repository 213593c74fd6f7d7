#include "networks/layers.h"

#include <cmath>

#include "kernels/convolution.h"
#include "kernels/trilinear.h"

namespace totum {

namespace {

// LibTorch leaves oneDNN for a convolution that is about four times slower when the batch is 1 and the input
// is small.
bool is_lone_small_image(const at::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && x.size(0) == 1 && at::hasMKLDNN() &&
         at::globalContext().userEnabledMkldnn() && x.size(1) * x.size(2) * x.size(3) <= 20480;
}

}  // namespace

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    std::int64_t stride) {
  const std::int64_t padding = weight.size(-1) / 2;
  if (!is_lone_small_image(x)) return convolution_3d(x, weight, bias, stride, padding);
  const std::vector<std::int64_t> strides(3, stride);
  const std::vector<std::int64_t> paddings(3, padding);
  if (!at::GradMode::is_enabled()) {
    return at::mkldnn_convolution(x, weight, bias, paddings, strides, {1, 1, 1}, 1);
  }
  // Asked for by name, oneDNN would do it too, but not its gradient. A second image of zeros costs less.
  const at::Tensor pair = at::cat({x, at::zeros_like(x)});
  return at::conv3d(pair, weight, bias, strides, paddings).slice(0, 0, 1);
}

at::Tensor standardise_weight(const at::Tensor& weight) {
  // Layer norm of the rows, whose variance has n where ours has n - 1: one pass over the weights, not five.
  const at::Tensor flat = weight.flatten(1);
  const auto n = static_cast<double>(flat.size(1));
  const double correction = (n - 1) / n;
  const at::Tensor normed = at::layer_norm(flat, {flat.size(1)}, {}, {}, 1e-12 * correction);
  return (normed * std::sqrt(correction)).view_as(weight);
}

StandardisedConvImpl::StandardisedConvImpl(const ConvShape& shape)
    : shape_(shape),
      weight_(register_parameter(
          "weight", torch::empty({shape.out, shape.in, shape.kernel, shape.kernel, shape.kernel}))) {}

at::Tensor StandardisedConvImpl::forward(const at::Tensor& x) {
  return convolve(x, standardise_weight(weight_), {}, shape_.stride);
}

ResidualBlockImpl::ResidualBlockImpl(std::int64_t in, std::int64_t out, std::int64_t stride,
                                     std::int64_t groups)
    : norm1_(register_module("norm1", torch::nn::GroupNorm(groups, in))),
      conv1_(register_module("conv1", StandardisedConv(ConvShape{in, out, 3, stride}))),
      norm2_(register_module("norm2", torch::nn::GroupNorm(groups, out))),
      conv2_(register_module("conv2", StandardisedConv(ConvShape{out, out, 3, 1}))) {
  if (stride == 1 && in == out) return;
  shortcut_norm_ = register_module("shortcut_norm", torch::nn::GroupNorm(groups, in));
  shortcut_conv_ = register_module("shortcut_conv", StandardisedConv(ConvShape{in, out, 1, stride}));
}

at::Tensor ResidualBlockImpl::forward(const at::Tensor& x) {
  const at::Tensor inner = conv1_(norm1_(x).relu_());
  const at::Tensor residual = conv2_(norm2_(inner).relu_());
  if (shortcut_conv_.is_empty()) return residual + x;
  return residual + shortcut_conv_(shortcut_norm_(x).relu_());
}

at::Tensor convolve_points(const torch::nn::Conv3d& module, const at::Tensor& x) {
  return convolution_3d(x, module->weight, module->bias, 1, 0);
}

at::Tensor upsample_to(const at::Tensor& x, at::IntArrayRef size) {
  if (x.sizes().slice(2) == size) return x;
  return upsample_trilinear(x, size);
}

}  // namespace totum
