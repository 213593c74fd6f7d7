#pragma once
// One encoder, one decoder with its head for each task: MH-Net's network.
//
// Source: Chen, Ma and Zheng, Med3D, arXiv:1904.00625 (2019), with the backbone's decoder as branch.

#include <torch/torch.h>

#include <string>
#include <vector>

#include "networks/residual_unet.h"

namespace totum {

struct BranchShape {
  std::string name;      // of the task
  std::int64_t outputs;  // channels of its head, background included
};

class MultiHeadUNetImpl final : public torch::nn::Module {
 public:
  /// `backbone.outputs` is ignored.
  MultiHeadUNetImpl(const UNetShape& backbone, const std::vector<BranchShape>& branches);

  UNetLevels encode(const at::Tensor& x) { return encoder_(x); }
  /// Logits [B,outputs,D,H,W] of one branch; `size` is D,H,W of the image.
  at::Tensor logits(const UNetLevels& levels, std::size_t branch, at::IntArrayRef size);
  /// Softmax probabilities of every branch, from one pass of the encoder.
  std::vector<at::Tensor> forward(const at::Tensor& x);

 private:
  UNetEncoder encoder_;
  std::vector<UNetDecoder> branches_;
};
TORCH_MODULE(MultiHeadUNet);

}  // namespace totum
