#pragma once
// Encoders of the slice translator: what is shown (content) and how it looks (style).
//
// Source: Yao et al., IEEE JBHI 2022; layers from its published code (models/generator.py).

#include <torch/torch.h>

#include <array>

namespace totum {

/// x [B,1,H,W] in [-1,1], H and W multiples of 4 -> [B,4w,H/4,W/4]. 1,348,800 parameters at width 32.
class ContentEncoderImpl final : public torch::nn::Module {
 public:
  explicit ContentEncoderImpl(std::int64_t width);
  at::Tensor forward(const at::Tensor& x);

 private:
  torch::nn::Sequential down_;
  // Pre-activation residual blocks: (block(x) + x) / √2.
  std::array<torch::nn::Sequential, 4> blocks_{nullptr, nullptr, nullptr, nullptr};
};
TORCH_MODULE(ContentEncoder);

inline constexpr std::int64_t kStyleNumbers = 8;

/// The number of stride-2 convolutions of a style encoder for slices of this size: five, or as many as leave
/// 2x2 pixels for the last norm.
std::int64_t style_reductions(std::int64_t slice_pixels);

/// x [B,1,H,W] -> style [B,8]. 954,696 parameters at width 32 and five reductions.
class StyleEncoderImpl final : public torch::nn::Module {
 public:
  StyleEncoderImpl(std::int64_t width, std::int64_t reductions);
  at::Tensor forward(const at::Tensor& x);

 private:
  torch::nn::Sequential down_;
  torch::nn::Conv2d head_;
};
TORCH_MODULE(StyleEncoder);

}  // namespace totum
