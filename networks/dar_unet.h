#pragma once
// DAR-UNet's segmenter: a U-Net of residual blocks with attention over four axes, gated skips and outputs at
// five levels. The first two reductions keep D, since scans have thick slices.
//
// Source: Yao et al., IEEE JBHI 2022; layers from its published code (models/DARUnet.py).

#include <torch/torch.h>

#include <array>
#include <vector>

#include "networks/dar_blocks.h"

namespace totum {

struct DarUNetShape {
  std::int64_t outputs = 14;
  std::int64_t width = 16;       // of the first level, doubled at each of four more; a multiple of 8
  std::int64_t stem_stride = 1;  // 2 (small presets): the image at half size, outputs upsampled x2
  DarBlockShape block = {};
};

/// The shape beside a backbone of width `base_width` (methods' common setting): half of it, 16 at full size.
DarUNetShape dar_unet_shape(std::int64_t base_width, std::int64_t stem_stride);

/// 17,892,692 parameters at width 16 and 14 outputs.
class DarUNetImpl final : public torch::nn::Module {
 public:
  explicit DarUNetImpl(const DarUNetShape& shape);
  /// Logits of x [B,1,D,H,W], all [B,outputs,D,H,W]: d0, the one that predicts, then d1..d5 of the five
  /// levels, finest first.
  std::array<at::Tensor, 6> forward(const at::Tensor& x);
  /// d0 alone.
  at::Tensor predict(const at::Tensor& x);
  /// Features of the encoder's five levels, finest first.
  std::vector<at::Tensor> encode(const at::Tensor& x);

 private:
  /// Logits of the five levels at the size of the first, finest first.
  std::vector<at::Tensor> side_logits(const at::Tensor& x);
  /// d0 from them, at the size of x.
  at::Tensor fused(const std::vector<at::Tensor>& sides, const at::Tensor& x);

  std::vector<DarBlock> down_;  // five levels
  std::vector<Gate> gates_;     // of levels 3, 2, 1, 0
  std::vector<DarBlock> up_;    // of levels 3, 2, 1, 0
  std::vector<torch::nn::Conv3d> sides_;
  torch::nn::Conv3d fuse_;
};
TORCH_MODULE(DarUNet);

}  // namespace totum
