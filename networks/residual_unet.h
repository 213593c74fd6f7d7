#pragma once
// The shared backbone and the refiner: one residual 3D U-Net with added (not concatenated) skips, in two
// sizes. Encoder and decoder are modules of their own, since several methods share one and replace the other.
// Source: paper section 3; methods that use it build heads on the features it returns.

#include <torch/torch.h>

#include <array>
#include <vector>

#include "networks/layers.h"

namespace totum {

struct UNetShape {
  std::int64_t in_channels = 1;
  std::int64_t outputs = 14;
  std::int64_t width = 32;                            // w; stages have w, 2w, 4w, 8w, 8w channels
  std::array<std::int64_t, 5> blocks{1, 2, 2, 2, 2};  // residual blocks in each stage
  std::int64_t groups = 16;                           // of GroupNorm in residual blocks
  std::int64_t fusion_groups = 16;
  std::int64_t head_groups = 16;
  std::int64_t stem_stride = 1;         // of the first convolution
  std::int64_t second_stem_stride = 0;  // of one more convolution behind the first; 0: there is none
};

/// The backbone: 17,286,446 parameters at width 32 and 14 outputs. `width` is a multiple of 16.
UNetShape backbone_shape(std::int64_t outputs, std::int64_t width, std::int64_t stem_stride);
/// APRN's refiner for one organ at a time, input [p; atlas]: 5,136,002 parameters at base 24. `base` is a
/// multiple of 8; its stem divides the size by `stem_stride`: 2 as in the paper, 4 for small presets.
UNetShape refiner_shape(std::int64_t base, std::int64_t stem_stride = 2);

/// What an encoder hands to a decoder: skips at 1, 1/2, 1/4, 1/8 of the stem's size ([B,w|2w|4w|8w,…]) and
/// the fused bottleneck at 1/16 ([B,8w,…]).
using UNetLevels = std::array<at::Tensor, 5>;

/// The levels of some images of a batch; `images` [B'] int64.
UNetLevels select_images(const UNetLevels& levels, const at::Tensor& images);
/// The levels of every image `times` times in a row: [B·times,…].
UNetLevels repeat_images(const UNetLevels& levels, std::int64_t times);

struct UNetOutput {
  at::Tensor logits;                   // [B,outputs,D,H,W]
  std::array<at::Tensor, 3> features;  // decoder features at 1/8, 1/4, 1/2 of the stem's size: [B,4w|2w|w,…]
};

class UNetEncoderImpl final : public torch::nn::Module {
 public:
  explicit UNetEncoderImpl(const UNetShape& shape);
  UNetLevels forward(const at::Tensor& x);  // [B,in_channels,D,H,W]

 private:
  StandardisedConv stem_;
  StandardisedConv second_stem_{nullptr};
  std::array<std::vector<ResidualBlock>, 5> stages_;
  torch::nn::GroupNorm fusion_norm_;
  StandardisedConv fusion_conv_;
};
TORCH_MODULE(UNetEncoder);

class UNetDecoderImpl final : public torch::nn::Module {
 public:
  explicit UNetDecoderImpl(const UNetShape& shape);
  /// Logits are upsampled to `size` (D,H,W of the image).
  UNetOutput forward(const UNetLevels& levels, at::IntArrayRef size);

 private:
  std::vector<ResidualBlock> blocks_;  // at 1/8, 1/4, 1/2, 1
  torch::nn::GroupNorm head_norm_;
  torch::nn::Conv3d head_conv_;
};
TORCH_MODULE(UNetDecoder);

class ResidualUNetImpl final : public torch::nn::Module {
 public:
  explicit ResidualUNetImpl(const UNetShape& shape);
  UNetOutput forward(const at::Tensor& x);  // [B,in_channels,D,H,W]

 private:
  UNetEncoder encoder_;
  UNetDecoder decoder_;
};
TORCH_MODULE(ResidualUNet);

}  // namespace totum
