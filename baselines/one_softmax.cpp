#include "baselines/one_softmax.h"

#include <ATen/ATen.h>

#include <string>

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
  at::Tensor loss = at::zeros({}, logits.options());
  for (std::size_t b = 0; b < batch.task.size(); ++b) {
    const auto image = static_cast<std::int64_t>(b);
    loss = loss + segmentation_loss(logits[image].flatten(1), batch.label[image].flatten(),
                                    organs[static_cast<std::size_t>(batch.task[b])], form);
  }
  return loss / static_cast<double>(batch.task.size());
}

}  // namespace totum
