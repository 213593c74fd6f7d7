#pragma once
// A smooth map between two volumes, kept as displacements on a coarse lattice.

#include <vector>

#include "data/volume.h"

namespace totum {

/// Maps a place u of one volume to u + displacement in the other. Places are fractions of a volume's extent,
/// z,y,x: voxel i of n has its centre at (i + 1/2) / n. An affine map is exact with two points on each axis.
struct Warp {
  Shape3 points{2, 2, 2};           // on each axis (z,y,x), point k at k / (points - 1)
  std::vector<float> displacement;  // [3,points], component 0 along z

  /// Trilinear between the lattice's points; outside the unit cube as at its border.
  [[nodiscard]] Vector3 at(const Vector3& place) const;
};

}  // namespace totum
