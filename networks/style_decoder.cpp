#include "networks/style_decoder.h"

#include <cmath>
#include <string>

#include "networks/slice_encoders.h"
#include "networks/slice_layers.h"

namespace totum {

namespace {

constexpr std::int64_t kBlocks = 4;

// Takes the numbers of one norm after the other.
class NormNumbers {
 public:
  explicit NormNumbers(at::Tensor numbers) : numbers_(std::move(numbers)) {}
  at::Tensor normed(const at::Tensor& x) {
    const at::Tensor shift = take(x.size(1));
    return adaptive_instance_norm(x, shift, take(x.size(1)));
  }

 private:
  at::Tensor take(std::int64_t count) {
    next_ += count;
    return numbers_.slice(1, next_ - count, next_);
  }
  at::Tensor numbers_;  // [B,numbers]
  std::int64_t next_ = 0;
};

at::Tensor activated(at::Tensor x) { return at::leaky_relu_(x, 0.2); }

at::Tensor doubled(const at::Tensor& x) { return at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}); }

}  // namespace

at::Tensor adaptive_instance_norm(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale) {
  const at::Tensor normed = at::instance_norm(x, {}, {}, {}, {}, true, 0.0, 1e-5, false);
  const auto map = [](const at::Tensor& v) { return v.unsqueeze(-1).unsqueeze(-1); };
  return at::addcmul(map(shift), normed, 1 + map(scale));
}

StyleDecoderImpl::StyleDecoderImpl(std::int64_t width) {
  const std::int64_t channels = 4 * width;
  for (std::int64_t i = 0; i < 2 * kBlocks; ++i) {
    residual_convs_.push_back(register_module(
        "block" + std::to_string(i / 2) + "_conv" + std::to_string(i % 2), slice_conv({channels, channels})));
  }
  up1_ = register_module("up1", slice_conv({channels, 2 * width, 5, 1, 2}));
  up2_ = register_module("up2", slice_conv({2 * width, width, 5, 1, 2}));
  out_ = register_module("out", slice_conv({width, 1, 7, 1, 3}));
  const std::int64_t numbers = 2 * ((2 * kBlocks + 1) * channels + 2 * width + width);
  numbers_ = register_module(
      "numbers", torch::nn::Sequential(torch::nn::Linear(kStyleNumbers, channels), torch::nn::ReLU(),
                                       torch::nn::Linear(channels, 2 * channels), torch::nn::ReLU(),
                                       torch::nn::Linear(2 * channels, numbers)));
}

at::Tensor StyleDecoderImpl::norm_numbers(const at::Tensor& style) { return numbers_->forward(style); }

at::Tensor StyleDecoderImpl::forward(const at::Tensor& content, const at::Tensor& style) {
  NormNumbers numbers(norm_numbers(style));
  at::Tensor y = content;
  for (std::size_t block = 0; block < kBlocks; ++block) {
    const at::Tensor inner = residual_convs_[2 * block](activated(numbers.normed(y)));
    y = (residual_convs_[2 * block + 1](activated(numbers.normed(inner))) + y) / std::sqrt(2.0);
  }
  y = up1_(doubled(activated(numbers.normed(y))));
  y = up2_(doubled(activated(numbers.normed(y))));
  return out_(activated(numbers.normed(y))).tanh();
}

}  // namespace totum
