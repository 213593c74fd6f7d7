#pragma once
// The torso's bounding box: Otsu's threshold, the largest connected component above it, a margin.

#include "data/volume.h"

namespace totum {

struct Box {
  Shape3 start_xyz{};
  Shape3 size_xyz{};
};

/// Otsu's threshold with 256 bins as ITK computes it (voxels above it are foreground).
/// Source: Otsu, IEEE Trans. SMC 9 (1979) 62.
double otsu_threshold(const ImageVolume& image);

/// Bounding box of the largest 6-connected component of voxels above `threshold`, widened by `margin_voxels`
/// on all sides and cut at the volume's border. A volume without such voxels is kept whole.
Box largest_component_box(const ImageVolume& image, double threshold, std::int64_t margin_voxels);

}  // namespace totum
