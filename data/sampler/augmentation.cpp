#include "data/sampler/augmentation.h"

#include <algorithm>

#include "data/gaussian_blur.h"

namespace totum {

namespace {

constexpr double kPerChannel = 0.5;

void add_noise(std::span<float> voxels, double sd, RandomStream& random) {
  for (float& value : voxels) value += static_cast<float>(random.normal(0, sd));
}

void change_contrast(std::span<float> voxels, double factor) {
  double sum = 0;
  for (const float value : voxels) sum += static_cast<double>(value);
  const double mean = sum / static_cast<double>(voxels.size());
  const auto [low, high] = std::minmax_element(voxels.begin(), voxels.end());
  const float lowest = *low, highest = *high;
  for (float& value : voxels) {
    const double stretched = mean + factor * (static_cast<double>(value) - mean);
    value = std::clamp(static_cast<float>(stretched), lowest, highest);
  }
}

}  // namespace

void augment_published(std::span<float> voxels, const Shape3& shape, RandomStream random) {
  if (random.chance(0.1)) add_noise(voxels, random.uniform(0, 0.1), random);
  if (random.chance(0.2) && random.chance(kPerChannel)) {
    const double sigma = random.uniform(0.5, 1);
    gaussian_blur(voxels, shape, {sigma, sigma, sigma});
  }
  if (random.chance(0.15)) {
    const auto factor = static_cast<float>(random.uniform(0.75, 1.25));
    for (float& value : voxels) value *= factor;
  }
  if (random.chance(0.15) && random.chance(kPerChannel)) {
    const auto shift = static_cast<float>(random.normal(0, 0.1));
    for (float& value : voxels) value += shift;
  }
  if (random.chance(0.15)) change_contrast(voxels, random.uniform(0.75, 1.25));
}

}  // namespace totum
