#include "baselines/one_softmax.h"

#include <ATen/ATen.h>

#include <string>

#include "baselines/one_network.h"

namespace totum {

SegmentationLossForm read_segmentation_form(JsonReader& options) {
  JsonReader seg = options.object("seg");
  std::string dice = "mean";
  std::string ce = "binary";
  seg.optional("dice", dice, one_of({"mean", "fourteenth"}));
  seg.optional("ce", ce, one_of({"binary", "marginal"}));
  seg.no_more_keys();
  return {dice == "fourteenth", ce == "marginal"};
}

at::Tensor mean_segmentation_loss(const at::Tensor& logits, const Batch& batch,
                                  const std::vector<at::Tensor>& organs, const SegmentationLossForm& form) {
  return mean_over_images(batch, [&](std::int64_t b, std::size_t task) {
    return segmentation_loss(logits[b].flatten(1), batch.label[b].flatten(), organs[task], form);
  });
}

}  // namespace totum
