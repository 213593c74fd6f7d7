#include "methods/proposed.h"

#include <torch/torch.h>

#include <algorithm>
#include <optional>

#include "core/random.h"
#include "methods/aprn.h"
#include "methods/losses.h"
#include "methods/optimiser.h"
#include "methods/state.h"
#include "networks/initialise.h"
#include "networks/residual_unet.h"

namespace totum {

namespace {

struct ProposedOptions {
  bool aprn = true;
  std::int64_t aprn_base = 24;
  std::int64_t aprn_copies = 2;
  std::string aprn_mask = "independent";  // shared: all copies are one masked map, as in the published code
  std::string aprn_schedule = "poly";     // constant: the published code's rate of the refiner
  SegmentationLossForm seg;
  double pseudo_weight = 1.0;  // λ1
  std::string pseudo_target = "soft";
  double pseudo_confidence = 0.1;  // 0: every voxel counts
  double ramp_from = 0.0;          // ρ rises from 0 to 1 between these shares of the epochs
  double ramp_to = 50.0 / 600.0;
};

void read_aprn_options(JsonReader& options, ProposedOptions& out) {
  options.optional("aprn", out.aprn);
  JsonReader network = options.object("aprn_network");
  network.optional("base", out.aprn_base, multiple_of(8));
  network.optional("copies", out.aprn_copies, between(1, 16));
  network.optional("mask", out.aprn_mask, one_of({"independent", "shared"}));
  network.optional("schedule", out.aprn_schedule, one_of({"poly", "constant"}));
  network.no_more_keys();
  JsonReader pseudo = options.object("pseudo");
  pseudo.optional("weight", out.pseudo_weight, at_least(0));
  pseudo.optional("target", out.pseudo_target, one_of({"soft", "hard"}));
  pseudo.optional("confidence", out.pseudo_confidence, between(0, 0.5));
  pseudo.no_more_keys();
  JsonReader ramp = options.object("ramp");
  ramp.optional("from", out.ramp_from, between(0, 1));
  ramp.optional("to", out.ramp_to, between(0, 1));
  if (out.ramp_to < out.ramp_from) ramp.fail("to", "must not be below \"from\"");
  ramp.no_more_keys();
}

ProposedOptions read_options(JsonReader options) {
  ProposedOptions out;
  read_aprn_options(options, out);
  JsonReader seg = options.object("seg");
  std::string dice = "mean";
  std::string ce = "binary";
  seg.optional("dice", dice, one_of({"mean", "fourteenth"}));
  seg.optional("ce", ce, one_of({"binary", "marginal"}));
  seg.no_more_keys();
  options.no_more_keys();
  out.seg = {dice == "fourteenth", ce == "marginal"};
  return out;
}

// Labelled and unlabelled class indices of a task, as tensors where the network is.
struct TaskOrgans {
  at::Tensor labelled;    // [|L|] int64
  at::Tensor unlabelled;  // [|U|] int64
};

TaskOrgans organs_of(const Task& task, const c10::Device& device) {
  std::vector<std::int64_t> unlabelled;
  for (std::int64_t c = 1; c <= kOrgans; ++c) {
    if (std::find(task.organs.begin(), task.organs.end(), c) == task.organs.end()) unlabelled.push_back(c);
  }
  const auto index = [&](const std::vector<std::int64_t>& organs) {
    return at::tensor(organs, at::kLong).to(device);
  };
  return {index(task.organs), index(unlabelled)};
}

class Proposed final : public Method {
 public:
  Proposed(const MethodSetup& setup, const ProposedOptions& options)
      : setup_(setup),
        options_(options),
        network_(backbone_shape(1 + kOrgans, setup.backbone.base_width, setup.backbone.stem_stride)) {
    initialise_parameters(*network_, setup.seed, "network");
    network_->to(setup.device);
    optimiser_ = make_adam(network_->parameters(), setup.optimiser);
    for (const Task& task : setup.tasks) organs_.push_back(organs_of(task, setup.device));
    if (!options.aprn) return;
    refiner_ = ResidualUNet(refiner_shape(options.aprn_base));
    initialise_parameters(*refiner_, setup.seed, "aprn");
    refiner_->to(setup.device);
    refiner_optimiser_ = make_adam(refiner_->parameters(), setup.optimiser);
  }

  // Order of the paper: APRN first, then the main network (section 2, "Objective function, training").
  StepReport train_step(const Batch& batch, const StepContext& context) override {
    set_rates(context);
    network_->train();
    const at::Tensor logits = network_->forward(batch.image).logits;  // [B,1+C,D,H,W]
    const at::Tensor p = logits.softmax(1);
    StepReport report;
    at::Tensor loss = at::zeros({}, logits.options());
    if (options_.aprn) {
      report.emplace_back("aprn", train_refiner(batch, p.detach(), context));
      const at::Tensor pseudo = mean_pseudo_loss(batch, p);
      report.emplace_back("pseudo", pseudo.detach());
      loss = loss + ramp(context) * options_.pseudo_weight * pseudo;
    }
    const at::Tensor seg = mean_segmentation_loss(batch, logits);
    report.emplace_back("seg", seg.detach());
    loss = loss + seg;
    optimiser_->zero_grad();
    loss.backward();
    optimiser_->step();
    report.insert(report.begin(), {"loss", loss.detach()});
    return report;
  }

  at::Tensor predict(const at::Tensor& patch, Modality) override {
    const c10::InferenceMode inference;
    network_->eval();
    return network_->forward(patch).logits.softmax(1);
  }

  void visit_state(StateVisitor& visitor) override {
    visit_module(visitor, "network.", *network_);
    visitor.optimiser("network_adam", *optimiser_);
    if (!options_.aprn) return;
    visit_module(visitor, "aprn.", *refiner_);
    visitor.optimiser("aprn_adam", *refiner_optimiser_);
  }

 private:
  [[nodiscard]] const TaskOrgans& organs(const Batch& batch, std::int64_t b) const {
    return organs_[static_cast<std::size_t>(batch.task[static_cast<std::size_t>(b)])];
  }

  void set_rates(const StepContext& context) {
    const OptimiserConfig& config = setup_.optimiser;
    const double rate =
        poly_learning_rate(config.learning_rate, context.epoch, context.epochs, config.poly_power);
    set_learning_rate(*optimiser_, rate);
    if (options_.aprn && options_.aprn_schedule == "poly") set_learning_rate(*refiner_optimiser_, rate);
  }

  // ρ(k): 0 before `from`, 1 after `to`, linear between them; k the integer epoch.
  [[nodiscard]] double ramp(const StepContext& context) const {
    const double share = static_cast<double>(context.epoch) / static_cast<double>(context.epochs);
    if (share >= options_.ramp_to) return 1.0;
    return std::max(0.0, (share - options_.ramp_from) / (options_.ramp_to - options_.ramp_from));
  }

  [[nodiscard]] at::Tensor mean_segmentation_loss(const Batch& batch, const at::Tensor& logits) const {
    at::Tensor sum = at::zeros({}, logits.options());
    for (std::int64_t b = 0; b < logits.size(0); ++b) {
      sum = sum + segmentation_loss(logits[b].flatten(1), batch.label[b].flatten(), organs(batch, b).labelled,
                                    options_.seg);
    }
    return sum / static_cast<double>(logits.size(0));
  }

  // One step of APRN on the labelled organs of all images; p is detached, so nothing reaches the main
  // network.
  at::Tensor train_refiner(const Batch& batch, const at::Tensor& p, const StepContext& context) {
    refiner_->train();
    std::vector<at::Tensor> inputs, targets, weights;
    const std::int64_t images = p.size(0);
    for (std::int64_t b = 0; b < images; ++b) {
      const at::Tensor& labelled = organs(batch, b).labelled;
      const at::Tensor map = p[b].index_select(0, labelled);
      const at::Tensor atlas = batch.atlas[b].index_select(0, labelled - 1);
      const at::Tensor y = organ_maps(batch.label[b], labelled.view({-1, 1, 1}), p.scalar_type());
      at::Tensor masked;
      for (std::int64_t copy = 0; copy < options_.aprn_copies; ++copy) {
        masked = masked_copy(map, masked, context, b * options_.aprn_copies + copy);
        inputs.push_back(at::stack({masked, atlas}, 1));
        targets.push_back(y);
        const double share = 1.0 / static_cast<double>(images * options_.aprn_copies * labelled.size(0));
        weights.push_back(at::full({labelled.size(0)}, share, p.options()));
      }
    }
    const at::Tensor rows = refiner_loss(refiner_->forward(at::cat(inputs)).logits, at::cat(targets));
    const at::Tensor loss = (rows * at::cat(weights)).sum();
    refiner_optimiser_->zero_grad();
    loss.backward();
    refiner_optimiser_->step();
    return loss.detach();
  }

  [[nodiscard]] at::Tensor masked_copy(const at::Tensor& map, const at::Tensor& earlier,
                                       const StepContext& context, std::int64_t slot) const {
    if (options_.aprn_mask == "shared" && earlier.defined()) return earlier;
    RandomStream random(setup_.seed, "block masking", static_cast<std::uint64_t>(context.iteration),
                        static_cast<std::uint64_t>(slot));
    return mask_random_blocks(map, random);
  }

  // L_pseudo: refined maps of the unlabelled organs, from APRN after its step and from unmasked input.
  at::Tensor mean_pseudo_loss(const Batch& batch, const at::Tensor& p) {
    std::vector<at::Tensor> maps, atlases;
    std::vector<std::int64_t> counts;
    for (std::int64_t b = 0; b < p.size(0); ++b) {
      const at::Tensor& unlabelled = organs(batch, b).unlabelled;
      maps.push_back(p[b].index_select(0, unlabelled));
      atlases.push_back(batch.atlas[b].index_select(0, unlabelled - 1));
      counts.push_back(unlabelled.size(0));
    }
    at::Tensor refined = refine(refiner_, at::cat(maps).detach(), at::cat(atlases));
    if (options_.pseudo_target == "hard") refined = (refined > 0.5).to(p.scalar_type());
    const auto pieces = refined.split_with_sizes(counts);
    at::Tensor sum = at::zeros({}, p.options());
    for (std::size_t b = 0; b < maps.size(); ++b) {
      if (counts[b] == 0) continue;  // fully labelled: nothing to add
      sum = sum + pseudo_label_loss(maps[b].flatten(1), pieces[b].flatten(1), options_.pseudo_confidence);
    }
    return sum / static_cast<double>(p.size(0));
  }

  MethodSetup setup_;
  ProposedOptions options_;
  ResidualUNet network_;
  std::unique_ptr<torch::optim::Adam> optimiser_;
  ResidualUNet refiner_{nullptr};
  std::unique_ptr<torch::optim::Adam> refiner_optimiser_;
  std::vector<TaskOrgans> organs_;  // by task
};

}  // namespace

std::unique_ptr<Method> make_proposed(const MethodSetup& setup, JsonReader options) {
  return std::make_unique<Proposed>(setup, read_options(std::move(options)));
}

}  // namespace totum
