#pragma once
// The building blocks of DAR-UNet's segmenter: attention over four axes (QAM), the residual block that ends
// in it, and the attention gate between encoder and decoder (VAM).
//
// Source: Yao et al., IEEE JBHI 2022; layers from its published code (models/DARUnet.py).

#include <torch/torch.h>

#include <array>

namespace totum {

/// Settings that all blocks of a network share.
struct DarBlockShape {
  double norm_momentum = 0.01;  // of the batch norms' running statistics
};

/// One branch of QAM. `axis` (1 channel, 2 D, 3 H, 4 W) changes place with the channels; maximum and mean
/// over it go through a 7x7x7 convolution and a batch norm of one channel; the sigmoid of that scales x.
class AxisAttentionImpl final : public torch::nn::Module {
 public:
  AxisAttentionImpl(std::int64_t axis, const DarBlockShape& shape);
  at::Tensor forward(const at::Tensor& x);  // [B,K,D,H,W] -> same

 private:
  std::int64_t axis_;
  torch::nn::Conv3d conv_;
  torch::nn::BatchNorm3d norm_;
};
TORCH_MODULE(AxisAttention);

/// QAM: the mean of the four branches, [B,K,D,H,W] -> same.
class QuadAttentionImpl final : public torch::nn::Module {
 public:
  explicit QuadAttentionImpl(const DarBlockShape& shape);
  at::Tensor forward(const at::Tensor& x);

 private:
  std::vector<AxisAttention> branches_;  // channel, D, H, W
};
TORCH_MODULE(QuadAttention);

struct DarConvShape {
  std::int64_t in = 1, out = 16;                // multiples of 8, since GroupNorm has 8 channels a group
  std::array<std::int64_t, 3> stride{1, 1, 1};  // D,H,W
  bool from_image = false;                      // no norm and activation before the first convolution
};

/// Three convolutions of kernel 3, each behind GroupNorm and LeakyReLU(.01) (the first from the image: not),
/// plus a convolution with GroupNorm as shortcut; QAM of the sum. [B,in,D,H,W] -> [B,out,⌈D/s⌉,…].
class DarBlockImpl final : public torch::nn::Module {
 public:
  DarBlockImpl(const DarConvShape& conv, const DarBlockShape& shape);
  at::Tensor forward(const at::Tensor& x);

 private:
  torch::nn::Sequential main_;
  torch::nn::Sequential shortcut_;
  QuadAttention attention_;
};
TORCH_MODULE(DarBlock);

/// VAM: scales the decoder's features by one map, made from them and from the encoder's, doubles their size
/// by a transposed convolution and puts them before the encoder's. The map is not squashed.
class GateImpl final : public torch::nn::Module {
 public:
  /// stride: between the levels (D,H,W)
  GateImpl(std::int64_t encoder_channels, std::int64_t decoder_channels,
           const std::array<std::int64_t, 3>& stride);
  /// encoder [B,E,D,H,W], decoder [B,K,⌈D/s⌉,…] -> [B,K+E,D,H,W]
  at::Tensor forward(const at::Tensor& encoder, const at::Tensor& decoder);
  /// The map alone, [B,1,⌈D/s⌉,…].
  at::Tensor attention(const at::Tensor& encoder, const at::Tensor& decoder);

 private:
  std::array<std::int64_t, 3> stride_;
  torch::nn::Sequential encoder_;
  torch::nn::Sequential decoder_;
  torch::nn::Sequential attention_;
  torch::nn::ConvTranspose3d up_;
};
TORCH_MODULE(Gate);

}  // namespace totum
