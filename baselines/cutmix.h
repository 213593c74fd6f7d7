#pragma once
// CutMix in three dimensions: a cuboid of half the crop's volume is replaced by the same place of another
// image of the batch.
//
// Source: Yun et al., ICCV 2019; sizes and places as U²PL draws its rectangles (u2pl/dataset/augmentation.py:
// the first sides uniform in more than half the axis, the last one so that half the area is covered).

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/random.h"

namespace totum {

struct Cuboid {
  std::array<std::int64_t, 3> start{}, size{};  // D,H,W
};

/// A cuboid of half the volume of `shape` (D,H,W), up to rounding of its depth: width and height uniform in
/// n/2+1..n-1 of their axes, the depth V/(2·width·height), drawn again while it exceeds the axis; place
/// uniform.
Cuboid draw_half_cuboid(const std::array<std::int64_t, 3>& shape, RandomStream& random);

/// Who gets which cuboid of whom.
struct CutMix {
  std::vector<std::optional<std::int64_t>> partner;  // by image of the batch; no partner: stays as it is
  std::vector<Cuboid> cuboid;                        // by image

  [[nodiscard]] bool changes_anything() const;
  /// Every image with its cuboid taken from its partner's original. x [B,…,D,H,W] of any type; a new tensor.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x) const;
};

/// Draws a cuboid for each image of a batch by (seed, iteration, image). partners: whom each is mixed with
/// (mixing_partners); shape D,H,W of the images.
CutMix draw_cutmix(const std::vector<std::optional<std::int64_t>>& partners,
                   const std::array<std::int64_t, 3>& shape, std::uint64_t seed, std::int64_t iteration);

}  // namespace totum
