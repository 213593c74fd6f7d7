#include "baselines/mh_net.h"

#include <torch/torch.h>

#include "baselines/assembly.h"
#include "baselines/one_network.h"
#include "methods/losses.h"
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

class MhNet final : public OneNetwork<MultiHeadUNet> {
 public:
  explicit MhNet(const MethodSetup& setup)
      : OneNetwork(setup, MultiHeadUNet(backbone_of(setup, 0), branches_of(setup.tasks))) {}

 private:
  // Branches of tasks that the batch lacks keep undefined gradients, so Adam leaves them alone: a gradient of
  // zero would still decay their weights and move them by their momentum.
  StepReport losses(const Batch& batch, const StepContext&) override {
    const UNetLevels levels = network()->encode(batch.image);
    at::Tensor loss = at::zeros({}, batch.image.options());
    for (std::size_t t = 0; t < setup().tasks.size(); ++t) loss = loss + branch_loss(batch, levels, t);
    return {{"loss", loss / static_cast<double>(batch.task.size())}};
  }

  at::Tensor probabilities(const at::Tensor& patch, Modality) override {
    return assemble_organs(network()->forward(patch), setup().tasks);
  }

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
        network()->logits(select_images(levels, index), task, batch.image.sizes().slice(2));
    for (std::size_t i = 0; i < images.size(); ++i) {
      const at::Tensor target = head_target(batch.label[images[i]].flatten(), organs()[task]);
      loss = loss + full_label_loss(logits[static_cast<std::int64_t>(i)].flatten(1), target);
    }
    return loss;
  }
};

}  // namespace

std::unique_ptr<Method> make_mh_net(const MethodSetup& setup, JsonReader options) {
  options.no_more_keys();
  return std::make_unique<MhNet>(setup);
}

}  // namespace totum
