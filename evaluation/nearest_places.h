#pragma once
// Distances between two sets of places in space, for grids whose axes are not at right angles.

#include <vector>

#include "data/volume.h"

namespace totum {

using SurfacePlaces = std::vector<Vector3>;  // mm

/// Distance in mm of each place of `from` to the nearest of `to`, which must not be empty; exact, by a k-d
/// tree.
std::vector<double> nearest_distances_mm(const SurfacePlaces& from, const SurfacePlaces& to);

}  // namespace totum
