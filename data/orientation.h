#pragma once
// Axis permutations and flips: any voxel order to the nearest RAS+ order and back, without interpolation.

#include "data/volume.h"

namespace totum {

/// How the axes of a RAS+ volume lie in the stored one: axis a of the RAS+ volume (x,y,z) is stored axis
/// `axis[a]`, reversed if `flipped[a]`.
struct AxisOrder {
  std::array<std::size_t, 3> axis{0, 1, 2};
  std::array<bool, 3> flipped{false, false, false};
};

AxisOrder nearest_ras_order(const Geometry& geometry);
/// The grid of the reordered volume; every voxel keeps its world position.
Geometry to_ras(const Geometry& geometry);

/// The same voxels in the nearest RAS+ order (nibabel's as_closest_canonical).
template <class T>
Volume<T> to_ras(const Volume<T>& volume) {
  const AxisOrder order = nearest_ras_order(volume.geometry);
  Volume<T> out{to_ras(volume.geometry), std::vector<T>(volume.voxels.size())};
  const Shape3& in_size = volume.geometry.size_xyz;
  const Shape3 stride{1, in_size[0], in_size[0] * in_size[1]};
  Shape3 step{};
  std::int64_t start = 0;
  for (std::size_t a = 0; a < 3; ++a) {
    step[a] = order.flipped[a] ? -stride[order.axis[a]] : stride[order.axis[a]];
    if (order.flipped[a]) start += stride[order.axis[a]] * (in_size[order.axis[a]] - 1);
  }
  std::size_t target = 0;
  const Shape3& size = out.geometry.size_xyz;
  for (std::int64_t z = 0; z < size[2]; ++z) {
    for (std::int64_t y = 0; y < size[1]; ++y) {
      std::int64_t source = start + z * step[2] + y * step[1];
      for (std::int64_t x = 0; x < size[0]; ++x, source += step[0]) {
        out.voxels[target++] = volume.voxels[static_cast<std::size_t>(source)];
      }
    }
  }
  return out;
}

}  // namespace totum
