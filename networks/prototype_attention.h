#pragma once
// The attention of MICPAM between voxel features and organ prototypes. Source: paper Eq. 3; the published
// code's unet3D.py, EAM, without its value and output projections, which no loss uses.

#include <torch/torch.h>

namespace totum {

/// a_c(v) = (LN_A(ā_c) W^A · LN_F(F_v) W^F) / 4: the mean over four heads of their dot products, unscaled.
/// 43,904 parameters in three of them at 128, 64 and 32 channels.
class PrototypeAttentionImpl final : public torch::nn::Module {
 public:
  explicit PrototypeAttentionImpl(std::int64_t channels);
  /// features [B,n,D,H,W], prototypes [C,n] (no gradient reaches them) -> attention logits [B,C,D,H,W]
  at::Tensor forward(const at::Tensor& features, const at::Tensor& prototypes);

 private:
  torch::nn::LayerNorm feature_norm_;    // LN_F
  torch::nn::LayerNorm prototype_norm_;  // LN_A
  torch::nn::Linear feature_projection_;
  torch::nn::Linear prototype_projection_;
};
TORCH_MODULE(PrototypeAttention);

}  // namespace totum
