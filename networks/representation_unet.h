#pragma once
// The backbone with a representation head: a vector for every voxel of the decoder's feature map at 1/4 size,
// for losses that compare voxels (U²PL).
//
// Source: Wang et al., CVPR 2022, section 3.2 ("representation head g"); its code (u2pl/models/decoder.py:
// two 3x3 convolutions and a 1x1, with batch norm and dropout between; here group norm, no dropout).

#include <torch/torch.h>

#include "networks/residual_unet.h"

namespace totum {

/// conv 3x3x3, GroupNorm(16), ReLU, conv 3x3x3, GroupNorm(16), ReLU, conv 1x1x1, all with bias: [B,in,d,h,w]
/// -> [B,out,d,h,w]. 2,279,168 parameters for 64 -> 256. `out` is a multiple of 16.
class RepresentationHeadImpl final : public torch::nn::Module {
 public:
  RepresentationHeadImpl(std::int64_t in, std::int64_t out);
  at::Tensor forward(const at::Tensor& features);

 private:
  torch::nn::Conv3d conv0_;
  torch::nn::GroupNorm norm0_;
  torch::nn::Conv3d conv1_;
  torch::nn::GroupNorm norm1_;
  torch::nn::Conv3d conv2_;
};
TORCH_MODULE(RepresentationHead);

struct RepresentationOutput {
  at::Tensor logits;          // [B,outputs,D,H,W]
  at::Tensor representation;  // [B,8w,d,h,w], at 1/4 of the stem's size; 8w = 256 at the paper's width
};

class RepresentationUNetImpl final : public torch::nn::Module {
 public:
  explicit RepresentationUNetImpl(const UNetShape& shape);
  RepresentationOutput forward(const at::Tensor& x);  // [B,1,D,H,W]
  /// The logits alone, without the work of the head.
  at::Tensor logits(const at::Tensor& x) { return network_(x).logits; }

  [[nodiscard]] ResidualUNet network() const { return network_; }
  [[nodiscard]] RepresentationHead head() const { return head_; }

 private:
  ResidualUNet network_;
  RepresentationHead head_;
};
TORCH_MODULE(RepresentationUNet);

}  // namespace totum
