#pragma once
// The torso's bounding box: Otsu's threshold, the largest connected component above it, a margin.

#include <optional>

#include "data/volume.h"

namespace totum {

struct Box {
  Shape3 start_xyz{};
  Shape3 size_xyz{};
};

/// Otsu's threshold with 256 bins as ITK computes it (voxels above it are foreground).
/// Source: Otsu, IEEE Trans. SMC 9 (1979) 62.
double otsu_threshold(const ImageVolume& image);

/// A connected part of a mask.
struct Component {
  Box box;  // the smallest that holds it
  std::int64_t voxels = 0;
};

/// The largest 6-connected component of the voxels that are not 0 (the first in storage order of several as
/// large); std::nullopt if there is none. mask: [D,H,W], x fastest.
std::optional<Component> largest_component(const std::vector<std::uint8_t>& mask, const Shape3& size_xyz);

/// The box widened by `margin_voxels` on all sides and cut at the border of a volume of `size_xyz`.
Box widened(const Box& box, std::int64_t margin_voxels, const Shape3& size_xyz);

/// Bounding box of the largest 6-connected component of voxels above `threshold`, widened by `margin_voxels`
/// on all sides and cut at the volume's border. A volume without such voxels is kept whole.
Box largest_component_box(const ImageVolume& image, double threshold, std::int64_t margin_voxels);

}  // namespace totum
