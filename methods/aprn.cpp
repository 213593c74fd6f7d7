#include "methods/aprn.h"

#include <algorithm>
#include <vector>

#include "methods/losses.h"

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
  const at::Tensor r = logits.softmax(1).flatten(2);  // [K,2,N]
  const at::Tensor flat = y.flatten(1);               // [K,N]
  return 0.5 * (dice_loss(r.select(1, 0), 1 - flat) + dice_loss(r.select(1, 1), flat));
}

at::Tensor refine(ResidualUNet& refiner, const at::Tensor& p, const at::Tensor& atlas) {
  const torch::NoGradGuard no_grad;
  return refiner->forward(at::stack({p, atlas}, 1)).logits.softmax(1).select(1, 1);
}

}  // namespace totum
