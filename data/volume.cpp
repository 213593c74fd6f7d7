#include "data/volume.h"

#include <cmath>

namespace totum {

Vector3 spacing_mm_xyz(const Geometry& geometry) {
  Vector3 spacing{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    double squares = 0;
    for (std::size_t row = 0; row < 3; ++row)
      squares += geometry.affine[row][axis] * geometry.affine[row][axis];
    spacing[axis] = std::sqrt(squares);
  }
  return spacing;
}

double voxel_volume_ml(const Geometry& geometry) {
  const auto& a = geometry.affine;
  const double determinant = a[0][0] * (a[1][1] * a[2][2] - a[1][2] * a[2][1]) -
                             a[0][1] * (a[1][0] * a[2][2] - a[1][2] * a[2][0]) +
                             a[0][2] * (a[1][0] * a[2][1] - a[1][1] * a[2][0]);
  return std::abs(determinant) / 1000.0;
}

Vector3 world_mm(const Geometry& geometry, double i, double j, double k) {
  Vector3 world{};
  for (std::size_t row = 0; row < 3; ++row) {
    const auto& a = geometry.affine[row];
    world[row] = a[0] * i + a[1] * j + a[2] * k + a[3];
  }
  return world;
}

std::array<char, 3> axis_codes(const Geometry& geometry) {
  constexpr std::array<std::array<char, 2>, 3> kCodes{{{'L', 'R'}, {'P', 'A'}, {'I', 'S'}}};
  // Greedy as nibabel's io_orientation for the nearly diagonal case: the largest cosine of all is settled
  // first.
  const Vector3 spacing = spacing_mm_xyz(geometry);
  std::array<char, 3> codes{'?', '?', '?'};
  std::array<bool, 3> row_used{};
  std::array<bool, 3> axis_used{};
  for (int round = 0; round < 3; ++round) {
    double best = -1;
    std::size_t best_row = 0;
    std::size_t best_axis = 0;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      for (std::size_t row = 0; row < 3; ++row) {
        const double cosine = std::abs(geometry.affine[row][axis]) / (spacing[axis] > 0 ? spacing[axis] : 1);
        if (!row_used[row] && !axis_used[axis] && cosine > best) {
          best = cosine;
          best_row = row;
          best_axis = axis;
        }
      }
    }
    row_used[best_row] = axis_used[best_axis] = true;
    codes[best_axis] = kCodes[best_row][geometry.affine[best_row][best_axis] > 0 ? 1 : 0];
  }
  return codes;
}

bool same_grid(const Geometry& a, const Geometry& b, double tolerance_mm) {
  if (a.size_xyz != b.size_xyz) return false;
  for (int corner = 0; corner < 8; ++corner) {
    const auto i = static_cast<double>((corner & 1) != 0 ? a.size_xyz[0] - 1 : 0);
    const auto j = static_cast<double>((corner & 2) != 0 ? a.size_xyz[1] - 1 : 0);
    const auto k = static_cast<double>((corner & 4) != 0 ? a.size_xyz[2] - 1 : 0);
    const Vector3 p = world_mm(a, i, j, k);
    const Vector3 q = world_mm(b, i, j, k);
    for (std::size_t row = 0; row < 3; ++row) {
      if (!(std::abs(p[row] - q[row]) <= tolerance_mm)) return false;  // also false for NaN
    }
  }
  return true;
}

}  // namespace totum
