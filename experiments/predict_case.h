#pragma once
// One preprocessed image through a method by sliding window.

#include <cstdint>
#include <span>
#include <vector>

#include "data/case_cache.h"
#include "experiments/plan.h"
#include "methods/method.h"

namespace totum {

/// A normalised image on the network grid; looks at voxels that somebody else owns.
struct NetworkImage {
  std::span<const float> voxels;  // [D,H,W]
  Shape3 shape{};
  Modality modality = Modality::ct;
  float padding = 0;  // value beyond the volume
};

NetworkImage network_image(const PreparedCase& image);

/// Class index of each voxel [D,H,W]. `part` -1: the method's own prediction; else that of one of its parts
/// alone.
std::vector<std::uint8_t> predict_case(Method& method, const NetworkImage& image, const RunRecord& record,
                                       std::int64_t part = -1);

}  // namespace totum
