#include "methods/aman.h"

#include <vector>

#include "methods/optimiser.h"
#include "methods/state.h"
#include "networks/initialise.h"

namespace totum {

namespace {

// Maps of organs with their atlas: [K,2,D,H,W].
at::Tensor conditioned_maps(const Batch& batch, const at::Tensor& p, std::int64_t b,
                            const at::Tensor& organs) {
  const at::Tensor atlas = batch.atlas[b].index_select(0, organs - 1).to(p.scalar_type());
  return at::stack({p[b].index_select(0, organs), atlas}, 1);
}

// Graphs that are built while this lives give the parameters no gradient.
class FrozenParameters {
 public:
  explicit FrozenParameters(torch::nn::Module& module) : module_(module) { set(false); }
  ~FrozenParameters() { set(true); }
  FrozenParameters(const FrozenParameters&) = delete;
  FrozenParameters& operator=(const FrozenParameters&) = delete;

 private:
  void set(bool requires_grad) {
    for (at::Tensor& parameter : module_.parameters()) parameter.set_requires_grad(requires_grad);
  }
  torch::nn::Module& module_;
};

}  // namespace

at::Tensor discriminator_loss(const at::Tensor& logits, const at::Tensor& target) {
  return -logits.log_softmax(1).gather(1, target.unsqueeze(1)).squeeze(1);
}

Aman::Aman(const MethodSetup& setup, const AmanOptions& options)
    : config_{options.learning_rate, 0.0, setup.optimiser.poly_power},
      options_(options),
      organs_(setup.tasks, setup.device),
      discriminator_(options.base, discriminator_layers(setup.patch_voxels)) {
  initialise_parameters(*discriminator_, setup.seed, "aman");
  discriminator_->to(setup.device);
  optimiser_ = make_adam(discriminator_->parameters(), config_);
}

void Aman::set_learning_rate(const StepContext& context) {
  totum::set_learning_rate(*optimiser_, poly_learning_rate(config_.learning_rate, context.epoch,
                                                           context.epochs, config_.poly_power));
}

at::Tensor Aman::adversarial_loss(const Batch& batch, const at::Tensor& p) {
  std::vector<at::Tensor> inputs, weights;
  for (std::int64_t b = 0; b < p.size(0); ++b) {
    const at::Tensor& cross = organs_.of(batch, b).cross;
    if (cross.size(0) == 0) continue;
    inputs.push_back(conditioned_maps(batch, p, b, cross));
    const double rows = options_.reduction == "sum" ? 1.0 : static_cast<double>(cross.size(0));
    weights.push_back(at::full({cross.size(0)}, 1.0 / (rows * static_cast<double>(p.size(0))), p.options()));
  }
  if (inputs.empty()) return at::zeros({}, p.options());
  const FrozenParameters frozen(*discriminator_);
  const at::Tensor logits = discriminator_->forward(at::cat(inputs));
  const at::Tensor wanted = at::ones({logits.size(0)}, logits.options().dtype(at::kLong));
  return (discriminator_loss(logits, wanted) * at::cat(weights)).sum();
}

StepReport Aman::train_step(const Batch& batch, const at::Tensor& p) {
  discriminator_->train();
  std::vector<at::Tensor> inputs, targets, weights;
  for (std::int64_t b = 0; b < p.size(0); ++b) {
    const OrganSets& sets = organs_.of(batch, b);
    inputs.push_back(conditioned_maps(batch, p, b, sets.judged));
    targets.push_back(sets.is_aligned);
    const double rows = static_cast<double>(sets.judged.size(0) * p.size(0));
    weights.push_back(at::full({sets.judged.size(0)}, 1.0 / rows, p.options()));
  }
  const at::Tensor target = at::cat(targets);
  const at::Tensor logits = discriminator_->forward(at::cat(inputs));
  const at::Tensor loss = (discriminator_loss(logits, target) * at::cat(weights)).sum();
  if (options_.optimiser == "fresh-adam") optimiser_->state().clear();
  optimiser_->zero_grad();
  loss.backward();
  optimiser_->step();
  const at::Tensor is_right = logits.detach().argmax(1) == target;
  return {{"aman", loss.detach()}, {"aman_accuracy", is_right.to(p.scalar_type()).mean()}};
}

void Aman::visit_state(StateVisitor& visitor) {
  visit_module(visitor, "aman.", *discriminator_);
  if (options_.optimiser == "adam") visitor.optimiser("aman_adam", *optimiser_);  // a fresh one has no state
}

}  // namespace totum
