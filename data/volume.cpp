#include "data/volume.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace totum {

namespace {

// The larger of both, NaN if there is one.
void raise_to(double& largest, const Vector3& v) {
  const double length = std::hypot(v[0], v[1], v[2]);
  if (!(length <= largest)) largest = length;
}

}  // namespace

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

bool is_sheared(const Geometry& geometry) {
  constexpr double kFloat32Noise = 1e-6;  // rounded entries give cosines of up to 2e-7
  const Vector3 spacing = spacing_mm_xyz(geometry);
  for (std::size_t p = 0; p < 3; ++p) {
    for (std::size_t q = p + 1; q < 3; ++q) {
      double product = 0;
      for (std::size_t row = 0; row < 3; ++row) product += geometry.affine[row][p] * geometry.affine[row][q];
      if (std::abs(product) > kFloat32Noise * spacing[p] * spacing[q]) return true;
    }
  }
  return false;
}

bool GridDifference::is_same() const {
  constexpr double kFloat32 = 1 + 1e-6;  // a shift of exactly the tolerance is stored as float32
  return !other_size && displacement_mm <= allowed_mm * kFloat32;  // false for NaN
}

GridDifference grid_difference(const Geometry& a, const Geometry& b) {
  GridDifference out;
  out.other_size = a.size_xyz != b.size_xyz;
  if (out.other_size) return out;
  const Vector3 spacing_a = spacing_mm_xyz(a);
  const Vector3 spacing_b = spacing_mm_xyz(b);
  double edge = std::min(spacing_a[0], spacing_b[0]);
  for (std::size_t axis = 1; axis < 3; ++axis) edge = std::min({edge, spacing_a[axis], spacing_b[axis]});
  out.allowed_mm = kGridToleranceEdges * edge;
  for (int corner = 0; corner < 8; ++corner) {
    Vector3 all{}, origin{}, spacing{}, direction{};
    for (std::size_t row = 0; row < 3; ++row) {
      origin[row] = a.affine[row][3] - b.affine[row][3];
      for (std::size_t axis = 0; axis < 3; ++axis) {
        const double index = ((corner >> axis) & 1) != 0 ? static_cast<double>(a.size_xyz[axis] - 1) : 0.0;
        const double unit_a = a.affine[row][axis] / spacing_a[axis];
        const double unit_b = b.affine[row][axis] / spacing_b[axis];
        spacing[row] += index * unit_a * (spacing_a[axis] - spacing_b[axis]);
        direction[row] += index * spacing_b[axis] * (unit_a - unit_b);
        all[row] += index * (a.affine[row][axis] - b.affine[row][axis]);
      }
      all[row] += origin[row];
    }
    raise_to(out.displacement_mm, all);
    raise_to(out.origin_mm, origin);
    raise_to(out.spacing_mm, spacing);
    raise_to(out.direction_mm, direction);
  }
  return out;
}

bool same_grid(const Geometry& a, const Geometry& b) { return grid_difference(a, b).is_same(); }

bool same_grid(const Geometry& a, const Geometry& b, double tolerance_mm) {
  const GridDifference difference = grid_difference(a, b);
  return !difference.other_size && difference.displacement_mm <= tolerance_mm;  // false for NaN
}

std::string grid_fault(const Geometry& a, const Geometry& b, const std::string& other) {
  const GridDifference d = grid_difference(a, b);
  if (d.is_same()) return "";
  if (d.other_size) {
    return fmt::format("has another size than {}: {} voxels (x, y, z) instead of {}; store it on that grid",
                       other, fmt::join(a.size_xyz, " x "), fmt::join(b.size_xyz, " x "));
  }
  return fmt::format(
      "has another spacing, origin or direction than {}: a corner voxel lies {:.3g} mm away (due to origin "
      "{:.3g}, spacing {:.3g}, direction {:.3g} mm), more than {:.3g} mm, {:g} of the smallest voxel edge; "
      "store it on that grid",
      other, d.displacement_mm, d.origin_mm, d.spacing_mm, d.direction_mm, d.allowed_mm, kGridToleranceEdges);
}

}  // namespace totum
