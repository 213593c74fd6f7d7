#pragma once
// Decoder of the slice translator: content and style to a slice, the style through adaptive instance norms.
//
// Source: Yao et al., IEEE JBHI 2022; layers from its published code (models/generator.py). Adaptive instance
// normalisation: Huang and Belongie, ICCV 2017.

#include <torch/torch.h>

#include <vector>

namespace totum {

/// Normalises each channel of each image and applies x (1 + scale) + shift. x [B,K,H,W]; shift, scale [B,K].
at::Tensor adaptive_instance_norm(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale);

/// content [B,4w,h,w'], style [B,8] -> slice [B,1,4h,4w'] in (-1,1). 2,113,985 parameters at width 32.
class StyleDecoderImpl final : public torch::nn::Module {
 public:
  explicit StyleDecoderImpl(std::int64_t width);
  at::Tensor forward(const at::Tensor& content, const at::Tensor& style);
  /// Numbers that a style becomes: 2,496 at width 32; for each norm in the order of data the shifts, then the
  /// scales.
  at::Tensor norm_numbers(const at::Tensor& style);  // [B,8] -> [B,numbers]

 private:
  std::vector<torch::nn::Conv2d> residual_convs_;  // two in each of four blocks
  torch::nn::Conv2d up1_{nullptr}, up2_{nullptr}, out_{nullptr};
  torch::nn::Sequential numbers_;
};
TORCH_MODULE(StyleDecoder);

}  // namespace totum
