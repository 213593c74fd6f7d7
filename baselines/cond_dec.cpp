#include "baselines/cond_dec.h"

#include <torch/torch.h>

#include <algorithm>

#include "baselines/assembly.h"
#include "methods/losses.h"
#include "methods/optimiser.h"
#include "methods/state.h"
#include "networks/conditional_decoder.h"
#include "networks/initialise.h"
#include "networks/residual_unet.h"

namespace totum {

std::vector<std::int64_t> draw_organs(const std::vector<std::int64_t>& labelled, std::int64_t count,
                                      RandomStream& random) {
  const auto order = random.permutation(static_cast<std::int64_t>(labelled.size()));
  std::vector<std::int64_t> drawn;
  for (std::int64_t i = 0; i < count; ++i) {
    drawn.push_back(labelled.at(static_cast<std::size_t>(order[static_cast<std::size_t>(i)])));
  }
  return drawn;
}

namespace {

// Decoder passes that go side by side in prediction, in voxels of the crop: 1 GiB for each tensor of 32
// channels at full size.
constexpr std::int64_t kVoxelsAtOnce = std::int64_t{1} << 23;

struct ConditionedUNet final : torch::nn::Module {
  explicit ConditionedUNet(const UNetShape& shape)
      : encoder(register_module("encoder", UNetEncoder(shape))),
        decoder(register_module("decoder", ConditionalDecoder(shape))) {}

  UNetEncoder encoder;
  ConditionalDecoder decoder;
};

class CondDec final : public Method {
 public:
  CondDec(const MethodSetup& setup, std::int64_t organs_per_crop)
      : setup_(setup),
        organs_per_crop_(organs_per_crop),
        network_(backbone_shape(1, setup.backbone.base_width, setup.backbone.stem_stride)) {
    initialise_parameters(network_, setup.seed, "network");
    network_.to(setup.device);
    optimiser_ = make_adam(network_.parameters(), setup.optimiser);
    const auto owner = owning_tasks(setup.tasks);
    for (std::int64_t c = 1; c <= kOrgans; ++c) {
      if (owner[static_cast<std::size_t>(c - 1)] >= 0) organs_.push_back(c);
    }
  }

  StepReport train_step(const Batch& batch, const StepContext& context) override {
    const OptimiserConfig& config = setup_.optimiser;
    set_learning_rate(*optimiser_, poly_learning_rate(config.learning_rate, context.epoch, context.epochs,
                                                      config.poly_power));
    network_.train();
    const std::vector<std::int64_t> organs = draw_for(batch, context);
    const UNetLevels levels = repeat_images(network_.encoder(batch.image), organs_per_crop_);
    const at::Tensor logits = decode(levels, organs, batch.image).flatten(1);  // [B·R,N]
    const at::Tensor label = batch.label.flatten(1).repeat_interleave(organs_per_crop_, 0);
    const at::Tensor wanted = at::tensor(organs, at::kLong).to(label.device()).unsqueeze(1);
    const at::Tensor y = (label == wanted).to(logits.scalar_type());
    const at::Tensor loss = (dice_loss(logits.sigmoid(), y) + sigmoid_cross_entropy(logits, y)).mean();
    optimiser_->zero_grad();
    loss.backward();
    optimiser_->step();
    return {{"loss", loss.detach()}};
  }

  at::Tensor predict(const at::Tensor& patch, Modality) override {
    const c10::InferenceMode inference;
    network_.eval();
    const UNetLevels levels = network_.encoder(patch);
    std::vector<std::int64_t> size = patch.sizes().vec();
    const std::int64_t images = size[0];
    size[1] = kOrgans;
    const at::Tensor probability = at::zeros(size, patch.options());
    const auto at_once = std::max<std::size_t>(1, static_cast<std::size_t>(kVoxelsAtOnce / patch.numel()));
    for (std::size_t first = 0; first < organs_.size(); first += at_once) {
      const std::vector<std::int64_t> part(
          organs_.begin() + static_cast<std::ptrdiff_t>(first),
          organs_.begin() + static_cast<std::ptrdiff_t>(std::min(first + at_once, organs_.size())));
      const auto count = static_cast<std::int64_t>(part.size());
      std::vector<std::int64_t> wanted;  // [B·count]
      for (std::int64_t b = 0; b < images; ++b) wanted.insert(wanted.end(), part.begin(), part.end());
      const at::Tensor sigma = decode(repeat_images(levels, count), wanted, patch).sigmoid();
      for (std::int64_t i = 0; i < count; ++i) {
        probability.select(1, part[static_cast<std::size_t>(i)] - 1)
            .copy_(sigma.view({images, count, size[2], size[3], size[4]}).select(1, i));
      }
    }
    return assemble_sigmoids(probability);
  }

  void visit_state(StateVisitor& visitor) override {
    visit_module(visitor, "network.", network_);
    visitor.optimiser("network_adam", *optimiser_);
  }

 private:
  // R organs for each image, [B·R].
  [[nodiscard]] std::vector<std::int64_t> draw_for(const Batch& batch, const StepContext& context) const {
    std::vector<std::int64_t> drawn;
    for (std::size_t b = 0; b < batch.task.size(); ++b) {
      const Task& task = setup_.tasks[static_cast<std::size_t>(batch.task[b])];
      RandomStream random(setup_.seed, "cond_dec/organs", static_cast<std::uint64_t>(context.iteration), b);
      const auto organs = draw_organs(task.organs, organs_per_crop_, random);
      drawn.insert(drawn.end(), organs.begin(), organs.end());
    }
    return drawn;
  }

  // Logits [B',1,D,H,W] of one organ for each image of `levels`.
  at::Tensor decode(const UNetLevels& levels, const std::vector<std::int64_t>& organs,
                    const at::Tensor& image) {
    std::vector<double> numbers;
    for (const std::int64_t organ : organs) numbers.push_back(organ_condition(organ));
    const at::Tensor condition = at::tensor(numbers, at::kDouble).to(image.options());
    return network_.decoder(levels, condition, image.sizes().slice(2));
  }

  MethodSetup setup_;
  std::int64_t organs_per_crop_;
  std::vector<std::int64_t> organs_;  // that any task labels
  ConditionedUNet network_;
  std::unique_ptr<torch::optim::Adam> optimiser_;
};

}  // namespace

std::unique_ptr<Method> make_cond_dec(const MethodSetup& setup, JsonReader options) {
  std::int64_t smallest = kOrgans;
  for (const Task& task : setup.tasks) {
    smallest = std::min(smallest, static_cast<std::int64_t>(task.organs.size()));
  }
  std::int64_t organs_per_crop = std::min<std::int64_t>(2, smallest);
  options.optional("organs_per_crop", organs_per_crop, between(1, static_cast<double>(smallest)));
  options.no_more_keys();
  return std::make_unique<CondDec>(setup, organs_per_crop);
}

}  // namespace totum
