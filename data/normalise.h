#pragma once
// Intensities to network input. Source: paper section 3.

#include <cstdint>
#include <span>
#include <vector>

#include "data/organs.h"

namespace totum {

/// What the voxels were mapped with: normalised = (clip(v) - shift) / scale.
struct Normalisation {
  double shift = 0;
  double scale = 1;
  double clip_low = 0, clip_high = 0;  // both 0: no clipping
  [[nodiscard]] float apply(double value) const;
};

inline constexpr double kCtClipHu = 325;

/// CT: clip to [-325, 325] HU, divide by 325. MR: subtract the mean, divide by the population standard
/// deviation of the voxels (a constant volume is only shifted to 0). `padding_voxels` counts further voxels
/// of raw 0: the published code pads before it normalises.
Normalisation normalisation_for(std::span<const float> voxels, Modality modality,
                                std::int64_t padding_voxels = 0);

}  // namespace totum
