#include "networks/discriminator.h"

#include <algorithm>
#include <string>

#include "kernels/convolution.h"

namespace totum {

namespace {

constexpr std::int64_t kMostLayers = 6;
constexpr std::int64_t kKernel = 4, kStride = 2, kPadding = 1;
constexpr double kNegativeSlope = 0.2;

// Channels behind layer number `layer` (from 0): base, 2, 4, 8, 8, 8 times base.
std::int64_t channels_after(std::int64_t layer, std::int64_t base) {
  return base << std::min<std::int64_t>(layer, 3);
}

}  // namespace

std::int64_t discriminator_layers(at::IntArrayRef patch_voxels) {
  const std::int64_t shortest = *std::min_element(patch_voxels.begin(), patch_voxels.end());
  TORCH_CHECK(shortest >= 2, "the crop's shortest axis has ", shortest,
              " voxels; the discriminator needs at least 2");
  std::int64_t layers = 0;
  while (layers < kMostLayers && (shortest >> (layers + 1)) > 0) ++layers;
  return layers;
}

DiscriminatorImpl::DiscriminatorImpl(std::int64_t base, std::int64_t layers) : head_(nullptr) {
  TORCH_CHECK(base > 0, "the discriminator's base is ", base, "; must be positive");
  TORCH_CHECK(layers >= 1 && layers <= kMostLayers, "the discriminator has ", layers,
              " layers; must be 1 to ", kMostLayers);
  std::int64_t in = 2;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const std::int64_t out = channels_after(layer, base);
    convolutions_.push_back(register_module(
        "conv" + std::to_string(layer),
        torch::nn::Conv3d(torch::nn::Conv3dOptions(in, out, kKernel).stride(kStride).padding(kPadding))));
    in = out;
  }
  head_ = register_module("head", torch::nn::Linear(in, 2));
}

at::Tensor DiscriminatorImpl::forward(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 5 && x.size(1) == 2, "the discriminator's input has shape ", x.sizes(),
              "; must be [K,2,D,H,W]");
  at::Tensor y = x;
  for (const auto& convolution : convolutions_) {
    y = convolution_3d(y, convolution->weight, convolution->bias, kStride, kPadding);
    y = at::leaky_relu(y, kNegativeSlope);
  }
  return head_(y.mean({2, 3, 4}));
}

}  // namespace totum
