#pragma once
// The discriminator of AMAN: one organ's map and atlas to two logits. Source: paper section 2, "AMAN"; layers
// from the published code (unet3D.py, norm_style_discriminator_output).

#include <torch/torch.h>

#include <vector>

namespace totum {

/// The number of stride-2 convolutions for a crop: six, or fewer where an axis is shorter than 64
/// (min(6, ⌊log2(shortest axis)⌋)). Throws c10::Error if an axis is shorter than 2.
std::int64_t discriminator_layers(at::IntArrayRef patch_voxels);

/// Convolutions of kernel 4, stride 2, padding 1 with LeakyReLU(0.2), to base, 2, 4, 8, 8, 8 times base
/// channels, then the global average and a linear layer; no normalisation. 11,146,722 parameters at base 32
/// and six layers.
class DiscriminatorImpl final : public torch::nn::Module {
 public:
  DiscriminatorImpl(std::int64_t base, std::int64_t layers);
  at::Tensor forward(const at::Tensor& x);  // [K,2,D,H,W], channels p and atlas -> logits [K,2]

 private:
  std::vector<torch::nn::Conv3d> convolutions_;
  torch::nn::Linear head_;
};
TORCH_MODULE(Discriminator);

}  // namespace totum
