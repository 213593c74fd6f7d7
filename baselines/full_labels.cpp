#include "baselines/full_labels.h"

#include <torch/torch.h>

#include "baselines/one_network.h"
#include "baselines/one_softmax.h"
#include "methods/losses.h"

namespace totum {

namespace {

class FullLabels final : public PlainNetwork {
 public:
  FullLabels(const MethodSetup& setup, const SegmentationLossForm& form)
      : PlainNetwork(setup),
        form_(form),
        all_organs_(at::arange(1, kOrgans + 1, at::kLong).to(setup.device)) {}

 private:
  StepReport losses(const Batch& batch, const StepContext&) override {
    TORCH_CHECK(batch.supervision == Supervision::full, "full_labels was given a batch of partial labels");
    const at::Tensor z = logits(batch.image);
    const at::Tensor loss = mean_over_images(batch, [&](std::int64_t b, std::size_t) {
      return segmentation_loss(z[b].flatten(1), batch.label[b].flatten(), all_organs_, form_);
    });
    return {{"loss", loss}};
  }

  SegmentationLossForm form_;
  at::Tensor all_organs_;  // [C] class indices 1..13
};

}  // namespace

std::unique_ptr<Method> make_full_labels(const MethodSetup& setup, JsonReader options) {
  const SegmentationLossForm form = read_segmentation_form(options.object("seg"));
  options.no_more_keys();
  return std::make_unique<FullLabels>(setup, form);
}

}  // namespace totum
