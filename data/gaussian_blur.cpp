#include "data/gaussian_blur.h"

#include <cmath>
#include <vector>

namespace totum {

namespace {

std::vector<double> kernel_for(double sigma) {
  const auto radius = static_cast<std::int64_t>(4 * sigma + 0.5);
  std::vector<double> weight;
  double sum = 0;
  for (std::int64_t x = -radius; x <= radius; ++x) {
    weight.push_back(std::exp(-0.5 * static_cast<double>(x * x) / (sigma * sigma)));
    sum += weight.back();
  }
  for (double& w : weight) w /= sum;
  return weight;
}

// Index i of a line of n voxels that goes on as its mirror image on both sides.
std::int64_t mirrored(std::int64_t i, std::int64_t n) {
  const std::int64_t period = 2 * n;
  i = (i % period + period) % period;
  return i < n ? i : period - 1 - i;
}

template <class T>
void blur_axis(std::span<T> voxels, std::int64_t length, std::int64_t stride, double sigma) {
  const std::vector<double> weight = kernel_for(sigma);
  const auto radius = static_cast<std::int64_t>(weight.size() / 2);
  std::vector<double> line(static_cast<std::size_t>(length + 2 * radius));
  const auto lines = static_cast<std::int64_t>(voxels.size()) / length;
  for (std::int64_t number = 0; number < lines; ++number) {
    T* begin = voxels.data() + number / stride * stride * length + number % stride;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(line.size()); ++i)
      line[static_cast<std::size_t>(i)] = static_cast<double>(begin[mirrored(i - radius, length) * stride]);
    for (std::int64_t i = 0; i < length; ++i) {
      double sum = 0;
      for (std::size_t k = 0; k < weight.size(); ++k)
        sum += weight[k] * line[static_cast<std::size_t>(i) + k];
      begin[i * stride] = static_cast<T>(sum);
    }
  }
}

template <class T>
void blur(std::span<T> voxels, const Shape3& shape, const Vector3& sigma) {
  const Shape3 stride{shape[1] * shape[2], shape[2], 1};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (sigma[axis] > 0) blur_axis(voxels, shape[axis], stride[axis], sigma[axis]);
  }
}

}  // namespace

void gaussian_blur(std::span<float> voxels, const Shape3& shape, const Vector3& sigma_voxels) {
  blur(voxels, shape, sigma_voxels);
}

void gaussian_blur(std::span<double> voxels, const Shape3& shape, const Vector3& sigma_voxels) {
  blur(voxels, shape, sigma_voxels);
}

}  // namespace totum
