#include "baselines/mh_net.h"

#include <torch/torch.h>

#include "baselines/assembly.h"
#include "methods/losses.h"
#include "methods/optimiser.h"
#include "methods/state.h"
#include "networks/initialise.h"
#include "networks/multi_head_unet.h"

namespace totum {

namespace {

std::vector<BranchShape> branches_of(const std::vector<Task>& tasks) {
  std::vector<BranchShape> branches;
  for (const Task& task : tasks) {
    branches.push_back({task.name, static_cast<std::int64_t>(task.organs.size()) + 1});
  }
  return branches;
}

class MhNet final : public Method {
 public:
  explicit MhNet(const MethodSetup& setup)
      : setup_(setup),
        network_(backbone_shape(0, setup.backbone.base_width, setup.backbone.stem_stride),
                 branches_of(setup.tasks)),
        organs_(organ_indices(setup.tasks, setup.device)) {
    initialise_parameters(*network_, setup.seed, "network");
    network_->to(setup.device);
    optimiser_ = make_adam(network_->parameters(), setup.optimiser);
  }

  // Branches of tasks that the batch lacks keep undefined gradients, so Adam leaves them alone: a gradient of
  // zero would still decay their weights and move them by their momentum.
  StepReport train_step(const Batch& batch, const StepContext& context) override {
    const OptimiserConfig& config = setup_.optimiser;
    set_learning_rate(*optimiser_, poly_learning_rate(config.learning_rate, context.epoch, context.epochs,
                                                      config.poly_power));
    network_->train();
    const UNetLevels levels = network_->encode(batch.image);
    at::Tensor loss = at::zeros({}, batch.image.options());
    for (std::size_t t = 0; t < setup_.tasks.size(); ++t) loss = loss + branch_loss(batch, levels, t);
    loss = loss / static_cast<double>(batch.task.size());
    optimiser_->zero_grad(/*set_to_none=*/true);
    loss.backward();
    optimiser_->step();
    return {{"loss", loss.detach()}};
  }

  at::Tensor predict(const at::Tensor& patch, Modality) override {
    const c10::InferenceMode inference;
    network_->eval();
    return assemble_organs(network_->forward(patch), setup_.tasks);
  }

  void visit_state(StateVisitor& visitor) override {
    visit_module(visitor, "network.", *network_);
    visitor.optimiser("network_adam", *optimiser_);
  }

 private:
  // Sum of L_head over the batch's images of one task.
  at::Tensor branch_loss(const Batch& batch, const UNetLevels& levels, std::size_t task) {
    std::vector<std::int64_t> images;
    for (std::size_t b = 0; b < batch.task.size(); ++b) {
      if (batch.task[b] == static_cast<std::int64_t>(task)) images.push_back(static_cast<std::int64_t>(b));
    }
    at::Tensor loss = at::zeros({}, batch.image.options());
    if (images.empty()) return loss;
    const at::Tensor index = at::tensor(images, at::kLong).to(batch.image.device());
    const at::Tensor logits =
        network_->logits(select_images(levels, index), task, batch.image.sizes().slice(2));
    for (std::size_t i = 0; i < images.size(); ++i) {
      const at::Tensor target = head_target(batch.label[images[i]].flatten(), organs_[task]);
      loss = loss + full_label_loss(logits[static_cast<std::int64_t>(i)].flatten(1), target);
    }
    return loss;
  }

  MethodSetup setup_;
  MultiHeadUNet network_;
  std::vector<at::Tensor> organs_;  // by task, [|L_t|]
  std::unique_ptr<torch::optim::Adam> optimiser_;
};

}  // namespace

std::unique_ptr<Method> make_mh_net(const MethodSetup& setup, JsonReader options) {
  options.no_more_keys();
  return std::make_unique<MhNet>(setup);
}

}  // namespace totum
