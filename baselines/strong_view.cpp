#include "baselines/strong_view.h"

#include <ATen/ATen.h>

#include <cmath>

#include "baselines/mixing_partner.h"
#include "data/organs.h"

namespace totum {

namespace {

constexpr double kJitterChance = 0.8;
constexpr double kJitterStrength = 0.25;
constexpr double kBlurChance = 0.2;
constexpr double kLeastSigma = 0.1, kLargestSigma = 1.5;  // voxels

RandomStream image_stream(const ViewPlace& place, const char* purpose, std::int64_t images, std::int64_t b) {
  return {place.seed, purpose, static_cast<std::uint64_t>(place.iteration),
          static_cast<std::uint64_t>(place.view * images + b)};
}

at::Tensor one_for_each_image(const std::vector<double>& values, const at::Tensor& image) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(image.dim()), 1);
  shape[0] = image.size(0);
  return at::tensor(values, image.options()).view(shape);
}

// Along one axis: the line goes on as its mirror image, its outermost voxel repeated (… b a | a b …).
at::Tensor blurred_along(const at::Tensor& image, std::int64_t axis, double sigma) {
  const auto radius = static_cast<std::int64_t>(4 * sigma + 0.5);
  const std::int64_t n = image.size(axis);
  at::Tensor place = at::arange(-radius, n + radius, image.options().dtype(at::kLong)).remainder(2 * n);
  place = at::minimum(place, 2 * n - 1 - place);
  const at::Tensor longer = image.index_select(axis, place);
  at::Tensor sum = at::zeros_like(image);
  double total = 0;
  for (std::int64_t x = -radius; x <= radius; ++x) {
    const double weight = std::exp(-0.5 * static_cast<double>(x * x) / (sigma * sigma));
    sum = sum.add_(longer.narrow(axis, x + radius, n), weight);
    total += weight;
  }
  return sum / total;
}

TaughtImages mixed(const TaughtImages& images, const std::vector<Modality>& modality,
                   const ViewPlace& place) {
  const auto present = classes_present(images.pseudo.label, 1 + kOrgans);
  std::vector<std::vector<std::int64_t>> pasted;
  for (std::size_t b = 0; b < present.size(); ++b) {
    RandomStream random = image_stream(place, "pcl/classmix", static_cast<std::int64_t>(present.size()),
                                       static_cast<std::int64_t>(b));
    pasted.push_back(draw_pasted_classes(present[b], random));
  }
  return class_mix(images, mixing_partners(modality), pasted);
}

}  // namespace

at::Tensor jitter_intensity(const at::Tensor& image, const std::vector<double>& scale,
                            const std::vector<double>& shift) {
  std::vector<std::int64_t> axes;
  for (std::int64_t axis = 1; axis < image.dim(); ++axis) axes.push_back(axis);
  const at::Tensor mean = image.mean(axes, true);
  const at::Tensor sd = (image - mean).square().mean(axes, true).sqrt();
  return mean + one_for_each_image(scale, image) * (image - mean) + one_for_each_image(shift, image) * sd;
}

at::Tensor blurred(const at::Tensor& image, double sigma_voxels) {
  at::Tensor result = image;
  for (std::int64_t axis = image.dim() - 3; axis < image.dim(); ++axis)
    result = blurred_along(result, axis, sigma_voxels);
  return result;
}

TaughtImages strong_view(const TaughtImages& images, const std::vector<Modality>& modality, double classmix,
                         const ViewPlace& place) {
  RandomStream chances = image_stream(place, "pcl/view", 1, 0);
  const bool is_mixed = chances.chance(classmix);
  const bool is_jittered = chances.chance(kJitterChance);
  const bool is_blurred = chances.chance(kBlurChance);
  TaughtImages view = is_mixed ? mixed(images, modality, place) : images;
  std::vector<double> scale, shift, sigma;
  const std::int64_t count = view.image.size(0);
  for (std::int64_t b = 0; b < count; ++b) {
    RandomStream random = image_stream(place, "pcl/intensity", count, b);
    scale.push_back(random.uniform(1 - kJitterStrength, 1 + kJitterStrength));
    shift.push_back(random.uniform(-kJitterStrength, kJitterStrength));
    sigma.push_back(random.uniform(kLeastSigma, kLargestSigma));
  }
  if (is_jittered) view.image = jitter_intensity(view.image, scale, shift);
  if (is_blurred) {
    std::vector<at::Tensor> parts;
    for (std::int64_t b = 0; b < count; ++b)
      parts.push_back(blurred(view.image[b], sigma[static_cast<std::size_t>(b)]));
    view.image = at::stack(parts);
  }
  return view;
}

}  // namespace totum
