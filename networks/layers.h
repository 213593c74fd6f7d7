#pragma once
// The building blocks of the residual 3D U-Net: weight-standardised convolution and the pre-activation
// residual block. Source: paper section 3 (DoDNet's network); Qiao et al., arXiv:1903.10520 (weight
// standardisation).

#include <torch/torch.h>

namespace totum {

/// Per output channel: subtract the mean over input channels and kernel, divide by sqrt(variance + 1e-12),
/// variance unbiased. weight [O,I,kD,kH,kW]; differentiable.
at::Tensor standardise_weight(const at::Tensor& weight);

/// Convolution of x [B,I,D,H,W] with weight [O,I,k,k,k], k odd, and bias [O] or {}; padding keeps the size at
/// stride 1. The same as at::conv3d, by the fastest way that a CPU has for a lone small image
/// and a GPU for gradients.
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    std::int64_t stride);

struct ConvShape {
  std::int64_t in = 1, out = 1;
  std::int64_t kernel = 3;  // padding keeps the size at stride 1
  std::int64_t stride = 1;
};

/// Convolution with standardised weight, no bias.
class StandardisedConvImpl final : public torch::nn::Module {
 public:
  explicit StandardisedConvImpl(const ConvShape& shape);
  at::Tensor forward(const at::Tensor& x);  // [B,I,D,H,W] -> [B,O,D/s,H/s,W/s]

 private:
  ConvShape shape_;
  at::Tensor weight_;  // [O,I,k,k,k]
};
TORCH_MODULE(StandardisedConv);

/// x + conv(ReLU(GN(conv(ReLU(GN(x)))))); the shortcut is ReLU(GN(x)) through a 1x1x1 convolution where
/// stride or channels change.
class ResidualBlockImpl final : public torch::nn::Module {
 public:
  ResidualBlockImpl(std::int64_t in, std::int64_t out, std::int64_t stride, std::int64_t groups);
  at::Tensor forward(const at::Tensor& x);

 private:
  torch::nn::GroupNorm norm1_;
  StandardisedConv conv1_;
  torch::nn::GroupNorm norm2_;
  StandardisedConv conv2_;
  torch::nn::GroupNorm shortcut_norm_{nullptr};
  StandardisedConv shortcut_conv_{nullptr};
};
TORCH_MODULE(ResidualBlock);

/// A module's 1x1x1 convolution of x, by convolution_3d.
at::Tensor convolve_points(const torch::nn::Conv3d& module, const at::Tensor& x);

/// Trilinear, align_corners = false, to `size` (D,H,W).
at::Tensor upsample_to(const at::Tensor& x, at::IntArrayRef size);

}  // namespace totum
