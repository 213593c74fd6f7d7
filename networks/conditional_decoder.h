#pragma once
// A decoder that is told by one number which organ to segment: a constant map of that number stands beside
// the activations in front of each of its convolutions.
//
// Source: Dmitriev and Kaufman, CVPR 2019, 9379-9388 (the idea); place and numbers are ours, on the shared
// backbone.

#include <torch/torch.h>

#include <vector>

#include "networks/residual_unet.h"

namespace totum {

/// The number of organ c in 1..13: -1 + 2 (c-1) / 12, fixed.
double organ_condition(std::int64_t organ);

/// Weight-standardised convolution of [x; v], where v is a constant map of each image's own number.
class ConditionedConvImpl final : public torch::nn::Module {
 public:
  explicit ConditionedConvImpl(const ConvShape& shape);  // shape.in without the constant map
  /// x [B,I,D,H,W], condition [B] -> [B,O,D,H,W]
  at::Tensor forward(const at::Tensor& x, const at::Tensor& condition);

 private:
  ConvShape shape_;
  at::Tensor weight_;  // [O,I+1,k,k,k]
};
TORCH_MODULE(ConditionedConv);

/// The residual block of the backbone at stride 1 with the constant map behind each GN + ReLU.
class ConditionedBlockImpl final : public torch::nn::Module {
 public:
  ConditionedBlockImpl(std::int64_t in, std::int64_t out, std::int64_t groups);
  at::Tensor forward(const at::Tensor& x, const at::Tensor& condition);

 private:
  torch::nn::GroupNorm norm1_;
  ConditionedConv conv1_;
  torch::nn::GroupNorm norm2_;
  ConditionedConv conv2_;
  torch::nn::GroupNorm shortcut_norm_{nullptr};
  ConditionedConv shortcut_conv_{nullptr};
};
TORCH_MODULE(ConditionedBlock);

class ConditionalDecoderImpl final : public torch::nn::Module {
 public:
  explicit ConditionalDecoderImpl(const UNetShape& backbone);
  /// Logits [B,1,D,H,W] of the organs whose numbers are `condition` [B]; `size` is D,H,W of the image.
  at::Tensor forward(const UNetLevels& levels, const at::Tensor& condition, at::IntArrayRef size);

 private:
  std::vector<ConditionedBlock> blocks_;  // at 1/8, 1/4, 1/2, 1
  torch::nn::GroupNorm head_norm_;
  torch::nn::Conv3d head_conv_;
};
TORCH_MODULE(ConditionalDecoder);

}  // namespace totum
