#include "baselines/single.h"

#include <torch/torch.h>

#include "baselines/assembly.h"
#include "methods/losses.h"
#include "methods/optimiser.h"
#include "methods/state.h"
#include "networks/initialise.h"
#include "networks/residual_unet.h"

namespace totum {

namespace {

// The network of one task with its own optimiser.
struct TaskNetwork {
  ResidualUNet network{nullptr};
  std::unique_ptr<torch::optim::Adam> optimiser;
  at::Tensor organs;  // [|L|] class indices
};

class Single final : public Method {
 public:
  explicit Single(const MethodSetup& setup) : setup_(setup) {
    for (const Task& task : setup.tasks) {
      const auto outputs = static_cast<std::int64_t>(task.organs.size()) + 1;
      TaskNetwork part;
      part.network =
          ResidualUNet(backbone_shape(outputs, setup.backbone.base_width, setup.backbone.stem_stride));
      initialise_parameters(*part.network, setup.seed, "single/" + task.name);
      part.network->to(setup.device);
      part.optimiser = make_adam(part.network->parameters(), setup.optimiser);
      part.organs = at::tensor(task.organs, at::kLong).to(setup.device);
      networks_.push_back(std::move(part));
    }
  }

  StepReport train_step(const Batch& batch, const StepContext& context) override {
    TaskNetwork& part = networks_.at(static_cast<std::size_t>(context.part));
    for (const std::int64_t task : batch.task) {
      TORCH_CHECK(task == context.part, "a batch of another task reached the network of ",
                  parts()[static_cast<std::size_t>(context.part)].name);
    }
    const OptimiserConfig& config = setup_.optimiser;
    set_learning_rate(*part.optimiser, poly_learning_rate(config.learning_rate, context.epoch, context.epochs,
                                                          config.poly_power));
    part.network->train();
    const at::Tensor logits = part.network->forward(batch.image).logits;  // [B,1+|L|,D,H,W]
    at::Tensor loss = at::zeros({}, logits.options());
    for (std::int64_t b = 0; b < logits.size(0); ++b) {
      loss = loss + full_label_loss(logits[b].flatten(1), head_target(batch.label[b].flatten(), part.organs));
    }
    loss = loss / static_cast<double>(logits.size(0));
    part.optimiser->zero_grad();
    loss.backward();
    part.optimiser->step();
    return {{"loss", loss.detach()}};
  }

  at::Tensor predict(const at::Tensor& patch, Modality) override {
    const c10::InferenceMode inference;
    std::vector<at::Tensor> heads;
    for (TaskNetwork& part : networks_) {
      part.network->eval();
      heads.push_back(part.network->forward(patch).logits.softmax(1));
    }
    return assemble_organs(heads, setup_.tasks);
  }

  at::Tensor predict_part(std::int64_t part, const at::Tensor& patch, Modality) override {
    const c10::InferenceMode inference;
    TaskNetwork& own = networks_.at(static_cast<std::size_t>(part));
    own.network->eval();
    return assemble_organs({own.network->forward(patch).logits.softmax(1)},
                           {setup_.tasks[static_cast<std::size_t>(part)]});
  }

  void visit_state(StateVisitor& visitor) override {
    for (std::size_t t = 0; t < networks_.size(); ++t) {
      const std::string prefix = setup_.tasks[t].name + "/";
      visit_module(visitor, prefix + "network.", *networks_[t].network);
      visitor.optimiser(prefix + "adam", *networks_[t].optimiser);
    }
  }

  [[nodiscard]] std::vector<TrainingPart> parts() const override {
    std::vector<TrainingPart> parts;
    for (std::size_t t = 0; t < setup_.tasks.size(); ++t) {
      parts.push_back({setup_.tasks[t].name, {static_cast<std::int64_t>(t)}});
    }
    return parts;
  }

 private:
  MethodSetup setup_;
  std::vector<TaskNetwork> networks_;  // by task
};

}  // namespace

std::unique_ptr<Method> make_single(const MethodSetup& setup, JsonReader options) {
  options.no_more_keys();
  return std::make_unique<Single>(setup);
}

}  // namespace totum
