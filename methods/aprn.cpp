#include "methods/aprn.h"

#include <algorithm>
#include <vector>

#include "methods/losses.h"
#include "methods/optimiser.h"
#include "methods/state.h"
#include "networks/initialise.h"

namespace totum {

namespace {

constexpr std::int64_t kBlockEdge = 16;
constexpr float kKeep = -1;

// Marks `count` random blocks of one map with `value`.
void mark_blocks(std::vector<float>& blocks, std::int64_t first, std::int64_t total, std::int64_t count,
                 float value, RandomStream& random) {
  const auto order = random.permutation(total);
  for (std::int64_t i = 0; i < count; ++i)
    blocks[static_cast<std::size_t>(first + order[static_cast<std::size_t>(i)])] = value;
}

// Index of the block of every voxel along one axis.
at::Tensor block_of_voxel(std::int64_t blocks, std::int64_t voxels, const at::Device& device) {
  return at::arange(voxels, at::TensorOptions(at::kLong).device(device)).mul(blocks).floor_divide(voxels);
}

}  // namespace

std::array<std::int64_t, 3> mask_blocks(at::IntArrayRef patch_voxels) {
  std::array<std::int64_t, 3> blocks{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t voxels = patch_voxels[axis];
    blocks[axis] = voxels % kBlockEdge == 0 ? voxels / kBlockEdge : std::min<std::int64_t>(4, voxels);
  }
  return blocks;
}

at::Tensor mask_random_blocks(const at::Tensor& maps, RandomStream& random) {
  const auto blocks = mask_blocks(maps.sizes().slice(1));
  const std::int64_t total = blocks[0] * blocks[1] * blocks[2];
  const std::int64_t count = random.chance(0.5) ? total / 8 : total / 16;
  std::vector<float> marks(static_cast<std::size_t>(maps.size(0) * total), kKeep);
  for (std::int64_t k = 0; k < maps.size(0); ++k) {
    if (random.chance(0.5)) mark_blocks(marks, k * total, total, count, 0.0F, random);
    if (random.chance(0.5)) mark_blocks(marks, k * total, total, count, 1.0F, random);
  }
  at::Tensor mark = at::from_blob(marks.data(), {maps.size(0), blocks[0], blocks[1], blocks[2]}, at::kFloat)
                        .to(maps.options(), false, true);
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    mark = mark.index_select(
        axis + 1, block_of_voxel(blocks[static_cast<std::size_t>(axis)], maps.size(axis + 1), maps.device()));
  }
  return at::where(mark == kKeep, maps, mark);
}

at::Tensor refiner_loss(const at::Tensor& logits, const at::Tensor& y) {
  const at::Tensor margin = (logits.select(1, 1) - logits.select(1, 0)).flatten(1);  // [K,N]
  const at::Tensor flat = y.flatten(1);                                              // [K,N]
  // The softmax of two logits is the sigmoid of their difference.
  return 0.5 * (dice_loss(margin.neg().sigmoid(), 1 - flat) + dice_loss(margin.sigmoid(), flat));
}

at::Tensor refine(ResidualUNet& refiner, const at::Tensor& p, const at::Tensor& atlas) {
  const torch::NoGradGuard no_grad;
  const at::Tensor logits = refiner->forward(at::stack({p, atlas}, 1)).logits;
  return (logits.select(1, 1) - logits.select(1, 0)).sigmoid();
}

struct Aprn::Rows {
  at::Tensor input;   // [K,2,D,H,W]
  at::Tensor y;       // [K,D,H,W]
  at::Tensor weight;  // [K] of each row's loss
};

Aprn::Aprn(const MethodSetup& setup, const AprnOptions& options)
    : config_(setup.optimiser),
      seed_(setup.seed),
      options_(options),
      organs_(setup.tasks, setup.device),
      refiner_(refiner_shape(options.base, options.stem_stride)) {
  initialise_parameters(*refiner_, setup.seed, "aprn");
  refiner_->to(setup.device);
  optimiser_ = make_adam(refiner_->parameters(), setup.optimiser);
}

void Aprn::set_learning_rate(const StepContext& context) {
  if (options_.schedule == "constant") return;
  totum::set_learning_rate(*optimiser_, poly_learning_rate(config_.learning_rate, context.epoch,
                                                           context.epochs, config_.poly_power));
}

// The different copies that are trained on. Shared copies are all the same, so one stands for them.
std::vector<at::Tensor> Aprn::masked_copies(const at::Tensor& maps, std::int64_t b,
                                            const StepContext& context) const {
  if (options_.mask == "none") return {maps};
  std::vector<at::Tensor> copies;
  for (std::int64_t copy = 0; copy < options_.copies; ++copy) {
    RandomStream random(seed_, "block masking", static_cast<std::uint64_t>(context.iteration),
                        static_cast<std::uint64_t>(b * options_.copies + copy));
    if (options_.mask == "independent") {
      copies.push_back(mask_random_blocks(maps, random));
    } else {
      copies = {mask_random_blocks(copies.empty() ? maps : copies[0], random)};
    }
  }
  return copies;
}

Aprn::Rows Aprn::training_rows(const Batch& batch, const at::Tensor& p, std::int64_t b,
                               const StepContext& context) const {
  const at::Tensor& labelled = organs_.of(batch, b).labelled;
  const at::Tensor atlas = batch.atlas[b].index_select(0, labelled - 1).to(p.scalar_type());
  const at::Tensor y = organ_maps(batch.label[b], labelled.view({-1, 1, 1}), p.scalar_type());
  std::vector<at::Tensor> inputs, targets;
  for (const at::Tensor& masked : masked_copies(p[b].index_select(0, labelled), b, context)) {
    inputs.push_back(at::stack({masked, atlas}, 1));
    targets.push_back(y);
  }
  const auto rows = static_cast<double>(inputs.size()) * static_cast<double>(labelled.size(0));
  const double copies_of_each = static_cast<double>(options_.copies) / static_cast<double>(inputs.size());
  const double share = (options_.reduction == "sum" ? copies_of_each : 1.0 / rows) /
                       static_cast<double>(p.size(0));  // mean over the images in any case
  return {at::cat(inputs), at::cat(targets), at::full({static_cast<std::int64_t>(rows)}, share, p.options())};
}

// Images whose graphs live together.
std::vector<std::vector<std::int64_t>> Aprn::image_groups(std::int64_t images) const {
  std::vector<std::vector<std::int64_t>> groups(options_.by_image ? static_cast<std::size_t>(images) : 1);
  for (std::int64_t b = 0; b < images; ++b) {
    groups[options_.by_image ? static_cast<std::size_t>(b) : 0].push_back(b);
  }
  return groups;
}

StepReport Aprn::train_step(const Batch& batch, const at::Tensor& p, const StepContext& context) {
  refiner_->train();
  optimiser_->zero_grad();
  at::Tensor loss = at::zeros({}, p.options());
  at::Tensor overlap = at::zeros({}, p.options());
  at::Tensor volumes = at::zeros({}, p.options());
  for (const auto& group : image_groups(p.size(0))) {
    std::vector<at::Tensor> inputs, targets, weights;
    for (const std::int64_t b : group) {
      Rows rows = training_rows(batch, p, b, context);
      inputs.push_back(rows.input);
      targets.push_back(rows.y);
      weights.push_back(rows.weight);
    }
    const at::Tensor y = at::cat(targets);
    const at::Tensor logits = refiner_->forward(at::cat(inputs)).logits;
    const at::Tensor part = (refiner_loss(logits, y) * at::cat(weights)).sum();
    part.backward();
    loss += part.detach();
    const at::Tensor refined =
        (logits.detach().select(1, 1) > logits.detach().select(1, 0)).to(y.scalar_type());
    overlap += (refined * y).sum();
    volumes += refined.sum() + y.sum();
  }
  optimiser_->step();
  return {{"aprn", loss}, {"refiner_dice", (2 * overlap + kDiceEpsilon) / (volumes + kDiceEpsilon)}};
}

std::vector<at::Tensor> Aprn::pseudo_labels(const Batch& batch, const at::Tensor& p) {
  std::vector<at::Tensor> refined;
  for (const auto& group : image_groups(p.size(0))) {
    std::vector<at::Tensor> maps, atlases;
    std::vector<std::int64_t> counts;
    for (const std::int64_t b : group) {
      const at::Tensor& unlabelled = organs_.of(batch, b).unlabelled;
      maps.push_back(p[b].index_select(0, unlabelled));
      atlases.push_back(batch.atlas[b].index_select(0, unlabelled - 1).to(p.scalar_type()));
      counts.push_back(unlabelled.size(0));
    }
    const at::Tensor all = at::cat(maps);
    const at::Tensor rows = all.size(0) > 0 ? refine(refiner_, all, at::cat(atlases)) : all;
    for (const at::Tensor& piece : rows.split_with_sizes(counts)) refined.push_back(piece);
  }
  return refined;
}

void Aprn::visit_state(StateVisitor& visitor) {
  visit_module(visitor, "aprn.", *refiner_);
  visitor.optimiser("aprn_adam", *optimiser_);
}

}  // namespace totum
