#pragma once
// Overlap of two label maps: Dice for all organs in one pass.

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "data/organs.h"

namespace totum {

/// Voxel counts of one organ in two label maps.
struct OverlapCounts {
  std::int64_t prediction = 0;  // |P|
  std::int64_t reference = 0;   // |R|
  std::int64_t both = 0;        // |P ∩ R|
};

/// Counts of every organ 1..13 (index organ - 1) in one pass. Both spans are the voxels of label maps on one
/// grid, class indices 0..13 in the same order; throws DataError if their lengths differ or a value is
/// above 13.
std::array<OverlapCounts, kOrgans> overlap_counts(std::span<const std::uint8_t> prediction,
                                                  std::span<const std::uint8_t> reference);

/// Dice similarity coefficient 2|P∩R| / (|P|+|R|) in [0,1]; std::nullopt if the organ is in neither map.
/// An organ that is only predicted, or only missed, scores 0. Source: Dice, Ecology 26 (1945) 297.
std::optional<double> dice(const OverlapCounts& counts);

/// The paper's code: 2|P∩R| / (|P|+|R|+1), so a perfect match stays below 1 and empty against empty is 0.
double dice_published(const OverlapCounts& counts);

}  // namespace totum
