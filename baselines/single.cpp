#include "baselines/single.h"

#include <torch/torch.h>

#include "baselines/assembly.h"
#include "baselines/one_network.h"
#include "methods/losses.h"

namespace totum {

namespace {

// One task's network, an ordinary method of its own.
class TaskNetwork final : public OneNetwork<ResidualUNet> {
 public:
  TaskNetwork(const MethodSetup& setup, std::size_t task)
      : OneNetwork(
            setup,
            ResidualUNet(backbone_of(setup, 1 + static_cast<std::int64_t>(setup.tasks[task].organs.size()))),
            "single/" + setup.tasks[task].name),
        task_(task) {}

  // The head's probabilities [B,1+|L|,D,H,W] in prediction.
  at::Tensor head(const at::Tensor& patch) {
    const c10::InferenceMode inference;
    network()->eval();
    return network()->forward(patch).logits.softmax(1);
  }

 private:
  StepReport losses(const Batch& batch, const StepContext&) override {
    const at::Tensor logits = network()->forward(batch.image).logits;  // [B,1+|L|,D,H,W]
    const at::Tensor loss = mean_over_images(batch, [&](std::int64_t b, std::size_t task) {
      TORCH_CHECK(task == task_, "a batch of another task reached the network of ",
                  setup().tasks[task_].name);
      return full_label_loss(logits[b].flatten(1), head_target(batch.label[b].flatten(), organs()[task]));
    });
    return {{"loss", loss}};
  }

  at::Tensor probabilities(const at::Tensor& patch, Modality) override {
    return assemble_organs({head(patch)}, {setup().tasks[task_]});
  }

  std::size_t task_;
};

class Single final : public Method {
 public:
  explicit Single(const MethodSetup& setup) : tasks_(setup.tasks) {
    for (std::size_t t = 0; t < tasks_.size(); ++t)
      networks_.push_back(std::make_unique<TaskNetwork>(setup, t));
  }

  StepReport train_step(const Batch& batch, const StepContext& context) override {
    return networks_.at(static_cast<std::size_t>(context.part))->train_step(batch, context);
  }

  at::Tensor predict(const at::Tensor& patch, Modality) override {
    const c10::InferenceMode inference;
    std::vector<at::Tensor> heads;
    for (const auto& network : networks_) heads.push_back(network->head(patch));
    return assemble_organs(heads, tasks_);
  }

  at::Tensor predict_part(std::int64_t part, const at::Tensor& patch, Modality modality) override {
    return networks_.at(static_cast<std::size_t>(part))->predict(patch, modality);
  }

  void visit_state(StateVisitor& visitor) override {
    for (std::size_t t = 0; t < networks_.size(); ++t)
      networks_[t]->visit_state(visitor, tasks_[t].name + "/");
  }

  [[nodiscard]] std::vector<TrainingPart> parts() const override {
    std::vector<TrainingPart> parts;
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      parts.push_back({tasks_[t].name, {static_cast<std::int64_t>(t)}});
    }
    return parts;
  }

 private:
  std::vector<Task> tasks_;
  std::vector<std::unique_ptr<TaskNetwork>> networks_;  // by task
};

}  // namespace

std::unique_ptr<Method> make_single(const MethodSetup& setup, JsonReader options) {
  options.no_more_keys();
  return std::make_unique<Single>(setup);
}

}  // namespace totum
