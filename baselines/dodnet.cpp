#include "baselines/dodnet.h"

#include <torch/torch.h>

#include <algorithm>

#include "baselines/assembly.h"
#include "baselines/one_network.h"
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

class DoDNet final : public OneNetwork<DynamicUNet> {
 public:
  DoDNet(const MethodSetup& setup, const DynamicHeadShape& head)
      : OneNetwork(setup, DynamicUNet(backbone_of(setup, head.width),
                                      static_cast<std::int64_t>(setup.tasks.size()), head)) {}

 private:
  StepReport losses(const Batch& batch, const StepContext&) override {
    const at::Tensor logits = network()->forward(batch.image, task_codes(batch.task));  // [B,K,D,H,W]
    const at::Tensor loss = mean_over_images(batch, [&](std::int64_t b, std::size_t task) {
      const at::Tensor& own = organs()[task];
      const at::Tensor y = organ_maps(batch.label[b].flatten(), own, logits.scalar_type());
      return dodnet_loss(logits[b].slice(0, 0, own.size(0)).flatten(1), y);
    });
    return {{"loss", loss}};
  }

  // The backbone once, then controller and head for each task's code, whatever the image's modality.
  at::Tensor probabilities(const at::Tensor& patch, Modality) override {
    const DynamicFeatures features = network()->features(patch);
    std::vector<std::int64_t> size = patch.sizes().vec();
    size[1] = kOrgans;
    const at::Tensor probability = at::zeros(size, patch.options());
    const auto owner = owning_tasks(setup().tasks);
    for (std::size_t t = 0; t < setup().tasks.size(); ++t) {
      const auto task = static_cast<std::int64_t>(t);
      const std::vector<std::int64_t> same(static_cast<std::size_t>(patch.size(0)), task);
      const at::Tensor sigma =
          network()->logits(features, task_codes(same), patch.sizes().slice(2)).sigmoid();
      std::int64_t channel = 0;
      for (const std::int64_t organ : setup().tasks[t].organs) {
        const bool is_owner = owner[static_cast<std::size_t>(organ - 1)] == task;
        if (is_owner) probability.select(1, organ - 1).copy_(sigma.select(1, channel));
        ++channel;
      }
    }
    return assemble_sigmoids(probability);
  }

  // One-hot, [B,M].
  [[nodiscard]] at::Tensor task_codes(const std::vector<std::int64_t>& tasks) const {
    const at::Tensor codes = at::eye(static_cast<std::int64_t>(setup().tasks.size()), at::kFloat);
    return codes.index_select(0, at::tensor(tasks, at::kLong)).to(setup().device);
  }
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
