#include "networks/representation_unet.h"

namespace totum {

namespace {

constexpr std::int64_t kGroups = 16;
constexpr std::size_t kQuarterSize = 1;  // index into UNetOutput::features: F², [B,2w,…]

torch::nn::Conv3d convolution(std::int64_t in, std::int64_t out, std::int64_t kernel) {
  return torch::nn::Conv3d(torch::nn::Conv3dOptions(in, out, kernel).padding(kernel / 2));
}

at::Tensor convolve_with(const torch::nn::Conv3d& conv, const at::Tensor& x) {
  return convolve(x, conv->weight, conv->bias, 1);
}

}  // namespace

RepresentationHeadImpl::RepresentationHeadImpl(std::int64_t in, std::int64_t out)
    : conv0_(register_module("conv0", convolution(in, out, 3))),
      norm0_(register_module("norm0", torch::nn::GroupNorm(kGroups, out))),
      conv1_(register_module("conv1", convolution(out, out, 3))),
      norm1_(register_module("norm1", torch::nn::GroupNorm(kGroups, out))),
      conv2_(register_module("conv2", convolution(out, out, 1))) {}

at::Tensor RepresentationHeadImpl::forward(const at::Tensor& features) {
  const at::Tensor inner = norm0_(convolve_with(conv0_, features)).relu_();
  return convolve_with(conv2_, norm1_(convolve_with(conv1_, inner)).relu_());
}

RepresentationUNetImpl::RepresentationUNetImpl(const UNetShape& shape)
    : network_(register_module("network", ResidualUNet(shape))),
      head_(register_module("representation", RepresentationHead(2 * shape.width, 8 * shape.width))) {}

RepresentationOutput RepresentationUNetImpl::forward(const at::Tensor& x) {
  const UNetOutput output = network_(x);
  return {output.logits, head_(output.features[kQuarterSize])};
}

}  // namespace totum
