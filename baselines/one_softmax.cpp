#include "baselines/one_softmax.h"

#include <ATen/ATen.h>

#include "baselines/one_network.h"

namespace totum {

at::Tensor mean_segmentation_loss(const at::Tensor& logits, const Batch& batch,
                                  const std::vector<at::Tensor>& organs, const SegmentationLossForm& form) {
  return mean_over_images(batch, [&](std::int64_t b, std::size_t task) {
    return segmentation_loss(logits[b].flatten(1), batch.label[b].flatten(), organs[task], form);
  });
}

}  // namespace totum
