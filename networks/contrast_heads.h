#pragma once
// The heads of PCL on decoder features: projection, prediction, and for each class two selectors that say how
// much a vector should count.
//
// Source: Alonso et al., Semi-supervised semantic segmentation with pixel-level contrastive learning from a
// class-wise memory bank, ICCV 2021, 8219-8228; its code (model/deeplabv3.py) for the layers.

#include <torch/torch.h>

#include <vector>

namespace totum {

inline constexpr std::int64_t kContrastWidth = 256;  // length of projected and predicted vectors

/// Every head is linear, batch norm over the vectors, a nonlinearity, linear; so each call needs at least two
/// vectors in training mode (TORCH_CHECK in batch norm). At 64 features and 14 classes 82,944 + 132,096 +
/// 28·66,561 parameters.
class ContrastHeadsImpl final : public torch::nn::Module {
 public:
  ContrastHeadsImpl(std::int64_t features, std::int64_t classes);

  at::Tensor project(const at::Tensor& features) { return projection_->forward(features); }    // -> [N,256]
  at::Tensor predict(const at::Tensor& projected) { return prediction_->forward(projected); }  // -> [N,256]
  /// How much each vector of a class should count, in (0,1): of predicted features, or of memory vectors.
  /// vectors [N,256]; returns [N].
  at::Tensor feature_scores(std::size_t of_class, const at::Tensor& vectors);
  at::Tensor memory_scores(std::size_t of_class, const at::Tensor& vectors);

 private:
  torch::nn::Sequential projection_, prediction_;
  std::vector<torch::nn::Sequential> feature_selectors_, memory_selectors_;  // by class
};
TORCH_MODULE(ContrastHeads);

}  // namespace totum
