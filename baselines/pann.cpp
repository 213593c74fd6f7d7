#include "baselines/pann.h"

#include <torch/torch.h>

#include <algorithm>
#include <vector>

#include "baselines/assembly.h"
#include "baselines/ema_teacher.h"
#include "baselines/one_softmax.h"
#include "baselines/partial_pseudo_label.h"
#include "baselines/prior_duals.h"
#include "core/error.h"
#include "methods/optimiser.h"
#include "methods/state.h"
#include "networks/initialise.h"
#include "networks/residual_unet.h"

namespace totum {

namespace {

struct PannOptions {
  double lambda_pseudo = 1.0;  // λ1
  double lambda_prior = 0.1;   // λ2
  double dual_step = 0.02;     // η
  std::int64_t prior_crops = 200;
  std::vector<double> stages{0.25, 0.5, 0.75};  // of K
  SegmentationLossForm seg;
};

PannOptions read_options(JsonReader options) {
  PannOptions out;
  options.optional("lambda_pseudo", out.lambda_pseudo, at_least(0.0));
  options.optional("lambda_prior", out.lambda_prior, at_least(0.0));
  options.optional("dual_step", out.dual_step, at_least(0.0));
  options.optional("prior_crops", out.prior_crops, positive());
  options.optional("stages", out.stages, between(0.0, 1.0));
  out.seg = read_segmentation_form(options.object("seg"));
  options.no_more_keys();
  std::sort(out.stages.begin(), out.stages.end());
  return out;
}

class Pann final : public Method {
 public:
  Pann(const MethodSetup& setup, const PannOptions& options)
      : setup_(setup),
        options_(options),
        network_(backbone_shape(1 + kOrgans, setup.backbone.base_width, setup.backbone.stem_stride)),
        labeller_(backbone_shape(1 + kOrgans, setup.backbone.base_width, setup.backbone.stem_stride)),
        organs_(organ_indices(setup.tasks, setup.device)),
        duals_(start_duals(at::full({1 + kOrgans}, 1.0 / (1 + kOrgans), at::kDouble))) {
    initialise_parameters(*network_, setup.seed, "network");  // the plain network's own initial weights
    network_->to(setup.device);
    labeller_->to(setup.device);
    freeze(*labeller_);
    follow_student(*labeller_, *network_, 0);
    optimiser_ = make_adam(network_->parameters(), setup.optimiser);
    move_duals();
  }

  void begin_training(const TrainingData& data) override {
    if (prior_crops_ > 0) return;  // a checkpoint brought it
    duals_ = start_duals(organ_size_prior(data, setup_.tasks, options_.prior_crops));
    move_duals();
    prior_crops_ = options_.prior_crops;
  }

  StepReport train_step(const Batch& batch, const StepContext& context) override {
    TORCH_CHECK(prior_crops_ > 0, "the prior must be estimated by begin_training() before the first step");
    const OptimiserConfig& config = setup_.optimiser;
    set_learning_rate(*optimiser_, poly_learning_rate(config.learning_rate, context.epoch, context.epochs,
                                                      config.poly_power));
    renew_labeller(context);
    network_->train();
    const at::Tensor logits = network_->forward(batch.image).logits;  // [B,1+C,D,H,W]
    const at::Tensor seg = mean_segmentation_loss(logits, batch, organs_, options_.seg);
    if (stage_ == 0) {
      descend(seg);
      return {{"loss", seg.detach()}, {"seg", seg.detach()}};
    }
    const at::Tensor pseudo = at::cross_entropy_loss(logits, pseudo_labels(batch));
    const at::Tensor mean_probability = logits.softmax(1).mean({0, 2, 3, 4});  // p̄ [1+C]
    const at::Tensor prior = prior_aware_loss(mean_probability, duals_);
    const at::Tensor loss = seg + options_.lambda_pseudo * pseudo + options_.lambda_prior * prior;
    descend(loss);
    ascend_duals(duals_, mean_probability, options_.dual_step);
    return {{"loss", loss.detach()},
            {"seg", seg.detach()},
            {"pseudo", pseudo.detach()},
            {"prior", prior.detach()}};
  }

  at::Tensor predict(const at::Tensor& patch, Modality) override {
    const c10::InferenceMode inference;
    network_->eval();
    return network_->forward(patch).logits.softmax(1);
  }

  void visit_state(StateVisitor& visitor) override {
    visit_module(visitor, "network.", *network_);
    visitor.optimiser("network_adam", *optimiser_);
    visit_module(visitor, "labeller.", *labeller_);
    visitor.counter("stage", stage_);
    visitor.counter("prior_crops", prior_crops_);
    visitor.tensor("prior", duals_.prior);
    visitor.tensor("dual_a", duals_.a);
    visitor.tensor("dual_b", duals_.b);
  }

 private:
  void move_duals() {
    for (at::Tensor* values : {&duals_.prior, &duals_.a, &duals_.b}) *values = values->to(setup_.device);
  }

  // φ <- θ at the first step of each stage; several stages that begin at once are one.
  void renew_labeller(const StepContext& context) {
    const auto begun = std::count_if(options_.stages.begin(), options_.stages.end(), [&](double share) {
      return static_cast<double>(context.epoch) >= share * static_cast<double>(context.epochs);
    });
    if (begun == stage_) return;
    follow_student(*labeller_, *network_, 0);
    stage_ = begun;
  }

  // Of the frozen labeller, without what the labels rule out; [B,D,H,W].
  at::Tensor pseudo_labels(const Batch& batch) {
    const torch::NoGradGuard no_grad;
    labeller_->eval();
    const at::Tensor q = labeller_->forward(batch.image).logits.softmax(1);
    return corrected_probability(q, batch.label, batch.labelled).argmax(1);
  }

  void descend(const at::Tensor& loss) {
    optimiser_->zero_grad();
    loss.backward();
    optimiser_->step();
  }

  MethodSetup setup_;
  PannOptions options_;
  ResidualUNet network_;
  ResidualUNet labeller_;           // φ
  std::vector<at::Tensor> organs_;  // by task, [|L_t|]
  PriorDuals duals_;
  std::int64_t stage_ = 0;        // how many of the stages have begun
  std::int64_t prior_crops_ = 0;  // that the prior was estimated from; 0: not yet
  std::unique_ptr<torch::optim::Adam> optimiser_;
};

}  // namespace

std::unique_ptr<Method> make_pann(const MethodSetup& setup, JsonReader options) {
  return std::make_unique<Pann>(setup, read_options(std::move(options)));
}

}  // namespace totum
