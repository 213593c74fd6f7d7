#include "baselines/one_network.h"

namespace totum {

UNetShape backbone_of(const MethodSetup& setup, std::int64_t outputs) {
  return backbone_shape(outputs, setup.backbone.base_width, setup.backbone.stem_stride);
}

at::Tensor mean_over_images(const Batch& batch, const ImageLoss& loss) {
  at::Tensor sum;
  for (std::size_t b = 0; b < batch.task.size(); ++b) {
    const at::Tensor one = loss(static_cast<std::int64_t>(b), static_cast<std::size_t>(batch.task[b]));
    sum = sum.defined() ? sum + one : one;
  }
  return sum / static_cast<double>(batch.task.size());
}

PlainNetwork::PlainNetwork(const MethodSetup& setup)
    : OneNetwork(setup, ResidualUNet(backbone_of(setup, 1 + kOrgans))) {}

at::Tensor PlainNetwork::probabilities(const at::Tensor& patch, Modality) { return logits(patch).softmax(1); }

}  // namespace totum
