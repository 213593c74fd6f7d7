#include "baselines/full_labels.h"

#include <torch/torch.h>

#include "methods/losses.h"
#include "methods/optimiser.h"
#include "methods/state.h"
#include "networks/initialise.h"
#include "networks/residual_unet.h"

namespace totum {

namespace {

SegmentationLossForm read_form(JsonReader options) {
  JsonReader seg = options.object("seg");
  std::string dice = "mean";
  std::string ce = "binary";
  seg.optional("dice", dice, one_of({"mean", "fourteenth"}));
  seg.optional("ce", ce, one_of({"binary", "marginal"}));
  seg.no_more_keys();
  options.no_more_keys();
  return {dice == "fourteenth", ce == "marginal"};
}

class FullLabels final : public Method {
 public:
  FullLabels(const MethodSetup& setup, const SegmentationLossForm& form)
      : setup_(setup),
        form_(form),
        network_(backbone_shape(1 + kOrgans, setup.backbone.base_width, setup.backbone.stem_stride)),
        organs_(at::arange(1, kOrgans + 1, at::kLong).to(setup.device)) {
    initialise_parameters(*network_, setup.seed, "network");  // the plain network's own initial weights
    network_->to(setup.device);
    optimiser_ = make_adam(network_->parameters(), setup.optimiser);
  }

  StepReport train_step(const Batch& batch, const StepContext& context) override {
    TORCH_CHECK(batch.supervision == Supervision::full, "full_labels was given a batch of partial labels");
    const OptimiserConfig& config = setup_.optimiser;
    set_learning_rate(*optimiser_, poly_learning_rate(config.learning_rate, context.epoch, context.epochs,
                                                      config.poly_power));
    network_->train();
    const at::Tensor logits = network_->forward(batch.image).logits;  // [B,1+C,D,H,W]
    at::Tensor loss = at::zeros({}, logits.options());
    for (std::int64_t b = 0; b < logits.size(0); ++b) {
      loss = loss + segmentation_loss(logits[b].flatten(1), batch.label[b].flatten(), organs_, form_);
    }
    loss = loss / static_cast<double>(logits.size(0));
    optimiser_->zero_grad();
    loss.backward();
    optimiser_->step();
    return {{"loss", loss.detach()}};
  }

  at::Tensor predict(const at::Tensor& patch, Modality) override {
    const c10::InferenceMode inference;
    network_->eval();
    return network_->forward(patch).logits.softmax(1);
  }

  void visit_state(StateVisitor& visitor) override {
    visit_module(visitor, "network.", *network_);
    visitor.optimiser("network_adam", *optimiser_);
  }

 private:
  MethodSetup setup_;
  SegmentationLossForm form_;
  ResidualUNet network_;
  at::Tensor organs_;  // [C] class indices 1..13
  std::unique_ptr<torch::optim::Adam> optimiser_;
};

}  // namespace

std::unique_ptr<Method> make_full_labels(const MethodSetup& setup, JsonReader options) {
  return std::make_unique<FullLabels>(setup, read_form(std::move(options)));
}

}  // namespace totum
