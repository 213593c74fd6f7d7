#include "data/normalise.h"

#include <algorithm>
#include <cmath>

namespace totum {

float Normalisation::apply(double value) const {
  if (clip_low != clip_high) value = std::clamp(value, clip_low, clip_high);
  return static_cast<float>((value - shift) / scale);
}

Normalisation normalisation_for(std::span<const float> voxels, Modality modality,
                                std::int64_t padding_voxels) {
  if (modality == Modality::ct) return {0, kCtClipHu, -kCtClipHu, kCtClipHu};
  double sum = 0;
  for (const float value : voxels) sum += static_cast<double>(value);
  const auto zeros = static_cast<double>(padding_voxels);
  const double count = std::max(static_cast<double>(voxels.size()) + zeros, 1.0);
  const double mean = sum / count;
  double squares = zeros * mean * mean;
  for (const float value : voxels)
    squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
  const double deviation = std::sqrt(squares / count);
  return {mean, deviation > 0 ? deviation : 1, 0, 0};
}

}  // namespace totum
