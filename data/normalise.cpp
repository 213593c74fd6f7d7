#include "data/normalise.h"

#include <algorithm>
#include <cmath>

namespace totum {

float Normalisation::apply(double value) const {
  if (clip_low != clip_high) value = std::clamp(value, clip_low, clip_high);
  return static_cast<float>((value - shift) / scale);
}

Normalisation normalisation_for(std::span<const float> voxels, Modality modality) {
  if (modality == Modality::ct) return {0, kCtClipHu, -kCtClipHu, kCtClipHu};
  double sum = 0;
  for (const float value : voxels) sum += static_cast<double>(value);
  const auto count = static_cast<double>(std::max<std::size_t>(voxels.size(), 1));
  const double mean = sum / count;
  double squares = 0;
  for (const float value : voxels)
    squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
  const double deviation = std::sqrt(squares / count);
  return {mean, deviation > 0 ? deviation : 1, 0, 0};
}

}  // namespace totum
