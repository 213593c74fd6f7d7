#pragma once
// Two-dimensional layers that the parts of the slice translator share. Source: Yao et al., IEEE JBHI 2022
// (published code: models/generator.py, models/discriminator.py).

#include <torch/torch.h>

namespace totum {

struct SliceConvShape {
  std::int64_t in = 1, out = 1;
  std::int64_t kernel = 3, stride = 1, padding = 1;
};

torch::nn::Conv2d slice_conv(const SliceConvShape& shape);  // with bias
torch::nn::InstanceNorm2d instance_norm(
    std::int64_t channels);               // affine, eps 1e-5, of each image's own numbers
torch::nn::LeakyReLU slice_activation();  // slope .2

/// Appends convolution, instance norm and activation: "conv0", "norm1", "act2", ….
void push_normed_conv(torch::nn::Sequential& sequence, const SliceConvShape& shape);

}  // namespace totum
