#include "methods/proposed.h"

#include <torch/torch.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "methods/losses.h"
#include "methods/optimiser.h"
#include "methods/proposed_options.h"
#include "methods/state.h"
#include "networks/initialise.h"
#include "networks/residual_unet.h"

namespace totum {

namespace {

void append(StepReport& report, StepReport more) {
  for (auto& entry : more) report.push_back(std::move(entry));
}

class Proposed final : public Method {
 public:
  Proposed(const MethodSetup& setup, const ProposedOptions& options)
      : setup_(setup),
        options_(options),
        organs_(setup.tasks, setup.device),
        network_(backbone_shape(1 + kOrgans, setup.backbone.base_width, setup.backbone.stem_stride)) {
    initialise_parameters(*network_, setup.seed, "network");
    network_->to(setup.device);
    optimiser_ = make_adam(network_->parameters(), setup.optimiser);
    if (options.aprn) aprn_.emplace(setup, options.aprn_network);
    if (options.aman) aman_.emplace(setup, options.aman_network);
    if (options.micpam) micpam_.emplace(setup, options.micpam_network);
  }

  // Order of the paper (section 2, "Objective function, training"): APRN, main network and MICPAM, AMAN, then
  // the prototypes. The published code's one joint backward differs in one thing only, since APRN and main
  // network share no gradient path: its pseudo-labels come from APRN before its step.
  StepReport train_step(const Batch& batch, const StepContext& context) override {
    set_learning_rates(context);
    network_->train();
    const UNetOutput output = network_->forward(batch.image);
    const at::Tensor p = output.logits.softmax(1);  // [B,1+C,D,H,W]
    const at::Tensor p_fixed = p.detach();
    StepReport report;
    std::vector<PseudoLabel> pseudo;
    if (options_.order == "joint") pseudo = pseudo_labels(batch, p_fixed);
    if (aprn_) append(report, aprn_->train_step(batch, p_fixed, context));
    if (options_.order == "sequential") pseudo = pseudo_labels(batch, p_fixed);
    train_main_network(main_loss(batch, output, p, pseudo, ramp_of(context), report));
    if (aman_) append(report, aman_->train_step(batch, p_fixed));
    if (micpam_) append(report, micpam_->update(batch, output));
    if (!pseudo.empty()) report.emplace_back("confident_share", confident_share(pseudo));
    return report;
  }

  // The main network alone: no atlas, APRN, AMAN or prototype takes part.
  at::Tensor predict(const at::Tensor& patch, Modality) override {
    const c10::InferenceMode inference;
    network_->eval();
    return network_->forward(patch).logits.softmax(1);
  }

  void visit_state(StateVisitor& visitor) override {
    visit_module(visitor, "network.", *network_);
    visitor.optimiser("network_adam", *optimiser_);
    if (aprn_) aprn_->visit_state(visitor);
    if (aman_) aman_->visit_state(visitor);
    if (micpam_) micpam_->visit_state(visitor);
  }

 private:
  void set_learning_rates(const StepContext& context) {
    const OptimiserConfig& config = setup_.optimiser;
    const double rate =
        poly_learning_rate(config.learning_rate, context.epoch, context.epochs, config.poly_power);
    set_learning_rate(*optimiser_, rate);
    if (aprn_) aprn_->set_learning_rate(context);
    if (aman_) aman_->set_learning_rate(context);
    if (micpam_) micpam_->set_learning_rate(rate);
  }

  [[nodiscard]] double ramp_of(const StepContext& context) const {
    return ramp(options_, context.epoch, context.epochs);
  }

  // ŷ and its confidence mask for the unlabelled organs of each image: refined by APRN, or without it the
  // network's own p. Empty if no loss needs them.
  std::vector<PseudoLabel> pseudo_labels(const Batch& batch, const at::Tensor& p) {
    if (!aprn_ && !micpam_) return {};
    std::vector<at::Tensor> maps;
    if (aprn_) {
      maps = aprn_->pseudo_labels(batch, p);
    } else {
      for (std::int64_t b = 0; b < p.size(0); ++b) {
        maps.push_back(p[b].index_select(0, organs_.of(batch, b).unlabelled));
      }
    }
    std::vector<PseudoLabel> pseudo;
    for (const at::Tensor& map : maps) {
      const at::Tensor soft = map.flatten(1);
      const at::Tensor target = options_.pseudo_target == "hard" ? (soft > 0.5).to(soft.scalar_type()) : soft;
      pseudo.push_back({target, confidence_mask(soft, options_.pseudo_confidence)});
    }
    return pseudo;
  }

  // L = L_seg + ρ λ1 L_pseudo + λ2 L_adv + ρ λ3 L_proto (Eq. 4); each term is a mean over the images.
  at::Tensor main_loss(const Batch& batch, const UNetOutput& output, const at::Tensor& p,
                       const std::vector<PseudoLabel>& pseudo, double rho, StepReport& report) {
    std::vector<std::pair<std::string, at::Tensor>> terms{
        {"seg", mean_segmentation_loss(batch, output.logits)}};
    at::Tensor loss = terms[0].second;
    const auto add = [&](const char* name, double weight, const at::Tensor& term) {
      terms.emplace_back(name, term);
      loss = loss + weight * term;
    };
    if (aprn_) add("pseudo", rho * options_.pseudo_weight, mean_pseudo_loss(batch, p, pseudo));
    if (aman_) add("adv", options_.aman_network.weight, aman_->adversarial_loss(batch, p));
    if (micpam_) {
      add("proto", rho * options_.micpam_network.weight,
          micpam_->prototype_loss(batch, micpam_->attention(output.features), pseudo));
    }
    report.insert(report.begin(), {"loss", loss.detach()});
    for (const auto& [name, term] : terms) report.emplace_back(name, term.detach());
    return loss;
  }

  void train_main_network(const at::Tensor& loss) {
    optimiser_->zero_grad();
    if (micpam_) micpam_->zero_grad();
    loss.backward();
    optimiser_->step();
    if (micpam_) micpam_->step();
  }

  [[nodiscard]] at::Tensor mean_segmentation_loss(const Batch& batch, const at::Tensor& logits) const {
    at::Tensor sum = at::zeros({}, logits.options());
    for (std::int64_t b = 0; b < logits.size(0); ++b) {
      sum = sum + segmentation_loss(logits[b].flatten(1), batch.label[b].flatten(),
                                    organs_.of(batch, b).labelled, options_.seg);
    }
    return sum / static_cast<double>(logits.size(0));
  }

  [[nodiscard]] at::Tensor mean_pseudo_loss(const Batch& batch, const at::Tensor& p,
                                            const std::vector<PseudoLabel>& pseudo) const {
    at::Tensor sum = at::zeros({}, p.options());
    for (std::int64_t b = 0; b < p.size(0); ++b) {
      const at::Tensor maps = p[b].index_select(0, organs_.of(batch, b).unlabelled).flatten(1);
      sum = sum + pseudo_label_loss(maps, pseudo[static_cast<std::size_t>(b)]);
    }
    return sum / static_cast<double>(p.size(0));
  }

  // Share of (unlabelled organ, voxel) pairs whose pseudo-label counts; 0 if every organ is labelled.
  static at::Tensor confident_share(const std::vector<PseudoLabel>& pseudo) {
    at::Tensor confident = at::zeros({}, pseudo[0].mask.options());
    double pairs = 0;
    for (const PseudoLabel& label : pseudo) {
      confident += label.mask.sum();
      pairs += static_cast<double>(label.mask.numel());
    }
    return confident / std::max(pairs, 1.0);
  }

  MethodSetup setup_;
  ProposedOptions options_;
  OrganTable organs_;
  ResidualUNet network_;
  std::unique_ptr<torch::optim::Adam> optimiser_;
  std::optional<Aprn> aprn_;
  std::optional<Aman> aman_;
  std::optional<Micpam> micpam_;
};

}  // namespace

std::unique_ptr<Method> make_proposed(const MethodSetup& setup, JsonReader options) {
  return std::make_unique<Proposed>(setup, read_proposed_options(std::move(options)));
}

}  // namespace totum
