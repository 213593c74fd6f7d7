#include "networks/multi_head_unet.h"

namespace totum {

MultiHeadUNetImpl::MultiHeadUNetImpl(const UNetShape& backbone, const std::vector<BranchShape>& branches)
    : encoder_(register_module("encoder", UNetEncoder(backbone))) {
  for (const BranchShape& branch : branches) {
    UNetShape shape = backbone;
    shape.outputs = branch.outputs;
    branches_.push_back(register_module("branch_" + branch.name, UNetDecoder(shape)));
  }
}

at::Tensor MultiHeadUNetImpl::logits(const UNetLevels& levels, std::size_t branch, at::IntArrayRef size) {
  return branches_.at(branch)(levels, size).logits;
}

std::vector<at::Tensor> MultiHeadUNetImpl::forward(const at::Tensor& x) {
  const UNetLevels levels = encode(x);
  std::vector<at::Tensor> probabilities;
  for (std::size_t branch = 0; branch < branches_.size(); ++branch) {
    probabilities.push_back(logits(levels, branch, x.sizes().slice(2)).softmax(1));
  }
  return probabilities;
}

}  // namespace totum
