#include "networks/slice_discriminators.h"

#include <algorithm>
#include <string>

#include "networks/slice_layers.h"

namespace totum {

namespace {

constexpr std::int64_t kScales = 3;
constexpr std::int64_t kMostConvolutions = 5;
constexpr std::int64_t kMostContentReductions = 4;

// Stride-2 convolutions that leave at least 2x2 pixels.
std::int64_t convolutions(std::int64_t pixels) {
  TORCH_CHECK(pixels >= 4, "the image discriminator's smallest picture has ", pixels,
              " pixels; must be at least 4");
  std::int64_t count = 0;
  while (count < kMostConvolutions && (pixels >> (count + 2)) > 0) ++count;
  return count;
}

torch::nn::Sequential patch_network(std::int64_t width, std::int64_t count) {
  torch::nn::Sequential layers;
  layers->push_back("conv0", slice_conv({1, width, 4, 2, 1}));
  layers->push_back("act1", slice_activation());
  std::int64_t in = width;
  for (std::int64_t i = 1; i < count; ++i) {
    const std::int64_t out = std::min(2 * in, 8 * width);
    push_normed_conv(layers, {in, out, 4, 2, 1});
    in = out;
  }
  layers->push_back("head", slice_conv({in, 1, 1, 1, 0}));
  return layers;
}

}  // namespace

ImageDiscriminatorImpl::ImageDiscriminatorImpl(std::int64_t width, std::int64_t slice_pixels) {
  for (std::int64_t scale = 0; scale < kScales; ++scale) {
    scales_.push_back(register_module("scale" + std::to_string(scale),
                                      patch_network(width, convolutions(slice_pixels >> scale))));
  }
}

std::vector<at::Tensor> ImageDiscriminatorImpl::forward(const at::Tensor& x) {
  std::vector<at::Tensor> outputs;
  at::Tensor y = x;
  for (std::size_t scale = 0; scale < scales_.size(); ++scale) {
    if (scale > 0) y = at::avg_pool2d(y, 3, 2, 1, false, /*count_include_pad=*/false);
    outputs.push_back(scales_[scale]->forward(y));
  }
  return outputs;
}

std::int64_t content_reductions(std::int64_t content_pixels) {
  std::int64_t count = 0;
  for (std::int64_t pixels = content_pixels; count < kMostContentReductions; ++count) {
    pixels = pixels < 7 ? 0 : (pixels - 7) / 2 + 1;
    if (pixels < 3) break;
  }
  return count;
}

ContentDiscriminatorImpl::ContentDiscriminatorImpl(std::int64_t channels, std::int64_t reductions) {
  layers_ = register_module("layers", torch::nn::Sequential());
  for (std::int64_t i = 0; i < reductions; ++i) push_normed_conv(layers_, {channels, channels, 7, 2, 0});
  layers_->push_back("head", slice_conv({channels, 1, 3, 1, 0}));
}

at::Tensor ContentDiscriminatorImpl::forward(const at::Tensor& content) { return layers_->forward(content); }

at::Tensor least_squares(const std::vector<at::Tensor>& outputs, double target) {
  at::Tensor sum = at::zeros({}, outputs.at(0).options());
  for (const at::Tensor& output : outputs) sum = sum + (output - target).square().mean();
  return sum;
}

}  // namespace totum
