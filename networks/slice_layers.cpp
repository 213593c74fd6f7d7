#include "networks/slice_layers.h"

#include <string>

namespace totum {

torch::nn::Conv2d slice_conv(const SliceConvShape& shape) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(shape.in, shape.out, shape.kernel)
                               .stride(shape.stride)
                               .padding(shape.padding));
}

torch::nn::InstanceNorm2d instance_norm(std::int64_t channels) {
  return torch::nn::InstanceNorm2d(torch::nn::InstanceNorm2dOptions(channels).affine(true));
}

torch::nn::LeakyReLU slice_activation() {
  return torch::nn::LeakyReLU(torch::nn::LeakyReLUOptions().negative_slope(0.2).inplace(true));
}

void push_normed_conv(torch::nn::Sequential& sequence, const SliceConvShape& shape) {
  const auto name = [&](const char* kind) { return kind + std::to_string(sequence->size()); };
  sequence->push_back(name("conv"), slice_conv(shape));
  sequence->push_back(name("norm"), instance_norm(shape.out));
  sequence->push_back(name("act"), slice_activation());
}

}  // namespace totum
