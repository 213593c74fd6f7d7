#include "baselines/cond_dec.h"

#include <torch/torch.h>

#include <algorithm>

#include "baselines/assembly.h"
#include "baselines/one_network.h"
#include "methods/losses.h"
#include "networks/conditional_decoder.h"
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

struct ConditionedUNetImpl final : torch::nn::Module {
  explicit ConditionedUNetImpl(const UNetShape& shape)
      : encoder(register_module("encoder", UNetEncoder(shape))),
        decoder(register_module("decoder", ConditionalDecoder(shape))) {}

  UNetEncoder encoder;
  ConditionalDecoder decoder;
};
TORCH_MODULE(ConditionedUNet);

class CondDec final : public OneNetwork<ConditionedUNet> {
 public:
  CondDec(const MethodSetup& setup, std::int64_t organs_per_crop)
      : OneNetwork(setup, ConditionedUNet(backbone_of(setup, 1))), organs_per_crop_(organs_per_crop) {
    const auto owner = owning_tasks(setup.tasks);
    for (std::int64_t c = 1; c <= kOrgans; ++c) {
      if (owner[static_cast<std::size_t>(c - 1)] >= 0) owned_.push_back(c);
    }
  }

 private:
  StepReport losses(const Batch& batch, const StepContext& context) override {
    const std::vector<std::int64_t> organs = draw_for(batch, context);
    const UNetLevels levels = repeat_images(network()->encoder(batch.image), organs_per_crop_);
    const at::Tensor logits = decode(levels, organs, batch.image).flatten(1);  // [B·R,N]
    const at::Tensor label = batch.label.flatten(1).repeat_interleave(organs_per_crop_, 0);
    const at::Tensor wanted = at::tensor(organs, at::kLong).to(label.device()).unsqueeze(1);
    const at::Tensor y = (label == wanted).to(logits.scalar_type());
    return {{"loss", (dice_loss(logits.sigmoid(), y) + sigmoid_cross_entropy(logits, y)).mean()}};
  }

  at::Tensor probabilities(const at::Tensor& patch, Modality) override {
    const UNetLevels levels = network()->encoder(patch);
    std::vector<std::int64_t> size = patch.sizes().vec();
    const std::int64_t images = size[0];
    size[1] = kOrgans;
    const at::Tensor probability = at::zeros(size, patch.options());
    const auto at_once = std::max<std::size_t>(1, static_cast<std::size_t>(kVoxelsAtOnce / patch.numel()));
    for (std::size_t first = 0; first < owned_.size(); first += at_once) {
      const std::vector<std::int64_t> part(
          owned_.begin() + static_cast<std::ptrdiff_t>(first),
          owned_.begin() + static_cast<std::ptrdiff_t>(std::min(first + at_once, owned_.size())));
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

  // R organs for each image, [B·R].
  [[nodiscard]] std::vector<std::int64_t> draw_for(const Batch& batch, const StepContext& context) const {
    std::vector<std::int64_t> drawn;
    for (std::size_t b = 0; b < batch.task.size(); ++b) {
      const Task& task = setup().tasks[static_cast<std::size_t>(batch.task[b])];
      RandomStream random(setup().seed, "cond_dec/organs", static_cast<std::uint64_t>(context.iteration), b);
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
    return network()->decoder(levels, condition, image.sizes().slice(2));
  }

  std::int64_t organs_per_crop_;
  std::vector<std::int64_t> owned_;  // organs that any task labels
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
