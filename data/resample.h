#pragma once
// Resampling between grids. The volume's own axes are kept (no rotation); ITK interpolates.

#include "data/volume.h"

namespace totum {

enum class Outside : std::uint8_t {
  zero,  // 0 beyond half a voxel from the outermost centres (ITK's default)
  edge,  // the nearest voxel's value
};

/// The grid with the same axes, origin (centre of the first voxel) and extent, at another spacing:
/// size = round(n s / new), halves up, at least 1.
Geometry grid_with_spacing(const Geometry& geometry, const Vector3& spacing_mm_xyz);

/// Trilinear. `target` has the same axis directions as the volume's grid.
ImageVolume resample_linear(const ImageVolume& image, const Geometry& target, Outside outside);

/// Nearest neighbour by world position, for grids of any two orientations; 0 where `target` leaves the volume
/// by more than half a voxel. With `edge`, the nearest voxel instead.
LabelMap resample_nearest(const LabelMap& labels, const Geometry& target, Outside outside);

/// The part of a volume that begins at `start_xyz` and has `size_xyz` voxels; it must lie inside.
Geometry crop_grid(const Geometry& geometry, const Shape3& start_xyz, const Shape3& size_xyz);
template <class T>
Volume<T> crop(const Volume<T>& volume, const Shape3& start_xyz, const Shape3& size_xyz) {
  Volume<T> out{crop_grid(volume.geometry, start_xyz, size_xyz), {}};
  out.voxels.reserve(static_cast<std::size_t>(out.geometry.voxels()));
  for (std::int64_t z = 0; z < size_xyz[2]; ++z) {
    for (std::int64_t y = 0; y < size_xyz[1]; ++y) {
      const T* row = &volume.at(start_xyz[2] + z, start_xyz[1] + y, start_xyz[0]);
      out.voxels.insert(out.voxels.end(), row, row + size_xyz[0]);
    }
  }
  return out;
}

}  // namespace totum
