#include "data/phantom/spline_noise.h"

#include <algorithm>
#include <cmath>

namespace totum {

namespace {

// Mean over the phase of the sum of squared cubic B-spline weights, for one axis: the variance of the field.
constexpr double kVariancePerAxis = 151.0 / 315.0;

std::vector<double> gaussian_kernel(double sd) {
  const auto radius = static_cast<std::int64_t>(std::ceil(3 * sd));
  std::vector<double> kernel;
  double sum = 0;
  for (std::int64_t i = -radius; i <= radius; ++i) {
    kernel.push_back(std::exp(-0.5 * static_cast<double>(i * i) / (sd * sd)));
    sum += kernel.back();
  }
  for (double& k : kernel) k /= sum;
  return kernel;
}

void blur_line(float* first, std::int64_t length, std::int64_t stride, const std::vector<double>& kernel,
               std::vector<float>& line) {
  const auto radius = static_cast<std::int64_t>(kernel.size() / 2);
  line.resize(static_cast<std::size_t>(length + 2 * radius));
  for (std::int64_t i = -radius; i < length + radius; ++i) {
    line[static_cast<std::size_t>(i + radius)] = first[std::clamp<std::int64_t>(i, 0, length - 1) * stride];
  }
  for (std::int64_t i = 0; i < length; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < kernel.size(); ++k) {
      sum += kernel[k] * static_cast<double>(line[static_cast<std::size_t>(i) + k]);
    }
    first[i * stride] = static_cast<float>(sum);
  }
}

}  // namespace

std::vector<SplineNoise::Weight> SplineNoise::weights(std::int64_t size, double spacing_mm,
                                                      double control_mm) {
  std::vector<Weight> out;
  for (std::int64_t i = 0; i < size; ++i) {
    const double place = static_cast<double>(i) * spacing_mm / control_mm;
    const double first = std::floor(place);
    const double t = place - first;
    const double u = 1 - t;
    out.push_back({static_cast<std::int64_t>(first),
                   {u * u * u / 6, (3 * t * t * t - 6 * t * t + 4) / 6, (3 * u * u * u - 6 * u * u + 4) / 6,
                    t * t * t / 6}});
  }
  return out;
}

SplineNoise::SplineNoise(RandomStream random, const Shape3& size_xyz, const Vector3& spacing_mm_xyz,
                         double control_mm) {
  for (std::size_t a = 0; a < 3; ++a) {
    weights_[a] = weights(size_xyz[a], spacing_mm_xyz[a], control_mm);
    controls_[a] = weights_[a].back().first + 4;
  }
  control_.resize(static_cast<std::size_t>(controls_[0] * controls_[1] * controls_[2]));
  const double norm = std::pow(kVariancePerAxis, -1.5);
  for (double& value : control_) value = norm * random.normal();
}

void SplineNoise::row(std::int64_t z, std::int64_t y, std::vector<double>& values) {
  const auto plane_size = static_cast<std::size_t>(controls_[0] * controls_[1]);
  if (z != plane_z_) {
    const Weight& wz = weights_[2][static_cast<std::size_t>(z)];
    plane_.assign(plane_size, 0.0);
    for (std::size_t k = 0; k < 4; ++k) {
      const double* source = &control_[(static_cast<std::size_t>(wz.first) + k) * plane_size];
      for (std::size_t i = 0; i < plane_size; ++i) plane_[i] += wz.w[k] * source[i];
    }
    plane_z_ = z;
  }
  const Weight& wy = weights_[1][static_cast<std::size_t>(y)];
  const auto width = static_cast<std::size_t>(controls_[0]);
  line_.assign(width, 0.0);
  for (std::size_t k = 0; k < 4; ++k) {
    const double* source = &plane_[(static_cast<std::size_t>(wy.first) + k) * width];
    for (std::size_t i = 0; i < width; ++i) line_[i] += wy.w[k] * source[i];
  }
  values.resize(weights_[0].size());
  for (std::size_t x = 0; x < values.size(); ++x) {
    const Weight& wx = weights_[0][x];
    const double* c = &line_[static_cast<std::size_t>(wx.first)];
    values[x] = wx.w[0] * c[0] + wx.w[1] * c[1] + wx.w[2] * c[2] + wx.w[3] * c[3];
  }
}

void gaussian_blur(std::vector<float>& voxels, const Shape3& size_xyz, const Vector3& sd_voxels_xyz) {
  const Shape3 stride{1, size_xyz[0], size_xyz[0] * size_xyz[1]};
  std::vector<float> line;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (sd_voxels_xyz[axis] <= 0) continue;
    const auto kernel = gaussian_kernel(sd_voxels_xyz[axis]);
    const std::size_t p = axis == 0 ? 1 : 0, q = axis == 2 ? 1 : 2;
    for (std::int64_t j = 0; j < size_xyz[q]; ++j) {
      for (std::int64_t i = 0; i < size_xyz[p]; ++i) {
        blur_line(&voxels[static_cast<std::size_t>(i * stride[p] + j * stride[q])], size_xyz[axis],
                  stride[axis], kernel, line);
      }
    }
  }
}

}  // namespace totum
