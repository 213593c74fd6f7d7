#include "baselines/dodnet.h"

#include <torch/torch.h>

#include <algorithm>

#include "baselines/assembly.h"
#include "methods/losses.h"
#include "methods/optimiser.h"
#include "methods/state.h"
#include "networks/dynamic_unet.h"
#include "networks/initialise.h"

namespace totum {

at::Tensor dodnet_dice_loss(const at::Tensor& p, const at::Tensor& y) {
  return 1 - 2 * (p * y).sum(1) / (p.sum(1) + y.sum(1) + 1);
}

at::Tensor dodnet_loss(const at::Tensor& logits, const at::Tensor& y) {
  return (dodnet_dice_loss(logits.sigmoid(), y) + sigmoid_cross_entropy(logits, y)).mean();
}

namespace {

class DoDNet final : public Method {
 public:
  DoDNet(const MethodSetup& setup, const DynamicHeadShape& head)
      : setup_(setup),
        network_(backbone_shape(head.width, setup.backbone.base_width, setup.backbone.stem_stride),
                 static_cast<std::int64_t>(setup.tasks.size()), head),
        organs_(organ_indices(setup.tasks, setup.device)) {
    initialise_parameters(*network_, setup.seed, "network");
    network_->to(setup.device);
    optimiser_ = make_adam(network_->parameters(), setup.optimiser);
  }

  StepReport train_step(const Batch& batch, const StepContext& context) override {
    const OptimiserConfig& config = setup_.optimiser;
    set_learning_rate(*optimiser_, poly_learning_rate(config.learning_rate, context.epoch, context.epochs,
                                                      config.poly_power));
    network_->train();
    const at::Tensor logits = network_->forward(batch.image, task_codes(batch.task));  // [B,K,D,H,W]
    at::Tensor loss = at::zeros({}, logits.options());
    for (std::size_t b = 0; b < batch.task.size(); ++b) {
      const at::Tensor& organs = organs_[static_cast<std::size_t>(batch.task[b])];
      const auto image = static_cast<std::int64_t>(b);
      const at::Tensor y = organ_maps(batch.label[image].flatten(), organs, logits.scalar_type());
      loss = loss + dodnet_loss(logits[image].slice(0, 0, organs.size(0)).flatten(1), y);
    }
    loss = loss / static_cast<double>(batch.task.size());
    optimiser_->zero_grad();
    loss.backward();
    optimiser_->step();
    return {{"loss", loss.detach()}};
  }

  // The backbone once, then controller and head for each task's code, whatever the image's modality.
  at::Tensor predict(const at::Tensor& patch, Modality) override {
    const c10::InferenceMode inference;
    network_->eval();
    const DynamicFeatures features = network_->features(patch);
    std::vector<std::int64_t> size = patch.sizes().vec();
    size[1] = kOrgans;
    const at::Tensor probability = at::zeros(size, patch.options());
    const auto owner = owning_tasks(setup_.tasks);
    for (std::size_t t = 0; t < setup_.tasks.size(); ++t) {
      const auto task = static_cast<std::int64_t>(t);
      const std::vector<std::int64_t> same(static_cast<std::size_t>(patch.size(0)), task);
      const at::Tensor sigma = network_->logits(features, task_codes(same), patch.sizes().slice(2)).sigmoid();
      std::int64_t channel = 0;
      for (const std::int64_t organ : setup_.tasks[t].organs) {
        const bool is_owner = owner[static_cast<std::size_t>(organ - 1)] == task;
        if (is_owner) probability.select(1, organ - 1).copy_(sigma.select(1, channel));
        ++channel;
      }
    }
    return assemble_sigmoids(probability);
  }

  void visit_state(StateVisitor& visitor) override {
    visit_module(visitor, "network.", *network_);
    visitor.optimiser("network_adam", *optimiser_);
  }

 private:
  // One-hot, [B,M].
  [[nodiscard]] at::Tensor task_codes(const std::vector<std::int64_t>& tasks) const {
    const at::Tensor codes = at::eye(static_cast<std::int64_t>(setup_.tasks.size()), at::kFloat);
    return codes.index_select(0, at::tensor(tasks, at::kLong)).to(setup_.device);
  }

  MethodSetup setup_;
  DynamicUNet network_;
  std::vector<at::Tensor> organs_;  // by task, [|L_t|]
  std::unique_ptr<torch::optim::Adam> optimiser_;
};

}  // namespace

std::unique_ptr<Method> make_dodnet(const MethodSetup& setup, JsonReader options) {
  std::int64_t largest = 1;
  for (const Task& task : setup.tasks) {
    largest = std::max(largest, static_cast<std::int64_t>(task.organs.size()));
  }
  DynamicHeadShape head;
  head.outputs = std::max(head.outputs, largest);
  options.optional("width", head.width, between(1, 256));
  options.optional("outputs", head.outputs, between(static_cast<double>(largest), kOrgans));
  options.no_more_keys();
  return std::make_unique<DoDNet>(setup, head);
}

}  // namespace totum
