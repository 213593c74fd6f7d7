#pragma once
// The crop of the published code (preset CODE): z cut to the extent of the labels, then the bounding box of
// an eroded body mask at a fixed threshold, with a rule for arms in MR. Source: methods page 1.1; the code's
// preprocess/forward_crop.py.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/json_reader.h"
#include "data/organs.h"
#include "data/torso.h"

namespace totum {

/// The numbers of the published code. They belong to voxels of 2 x 1 x 1 mm: a preset with larger voxels
/// scales them.
struct BodyConfig {
  double ct_threshold_hu = -200;  // voxels above it are body
  double mr_threshold = 25;
  std::map<std::string, double> case_thresholds{{"amos_0518", 30000}, {"amos_0540", 30000}};
  std::int64_t minimum_voxels = 1000000;     // of the largest component after the erosion
  std::int64_t arm_minimum_voxels = 100000;  // the same for the lower part of an MR volume
  std::int64_t arm_margin_voxels = 5;
  std::int64_t arm_extra_slices = 10;   // the lower part is the first D/2 + this many slices
  std::int64_t arm_excess_voxels = 30;  // the body may be this much wider (x) than its lower part
};

BodyConfig read_body_config(JsonReader json);
nlohmann::json to_json(const BodyConfig& config);

/// The slices of a label map that hold an organ, from one below the lowest to the highest (the published
/// [zmin-1, zmax+1)); x and y whole. Throws DataError if no voxel is labelled.
Box label_extent(const LabelMap& label);

/// Voxels above `threshold`, eroded with a 2 x 2 x 2 element whose origin is its last voxel: a voxel stays if
/// it and its lower neighbours on all axes are above; at the lower border none stays. [D,H,W]
std::vector<std::uint8_t> eroded_body(const ImageVolume& image, double threshold);

/// Box of the largest 6-connected component of the eroded body, widened by `margin_voxels`. In MR, if it is
/// more than `arm_excess_voxels` wider (x, both with their margins) than the box of the same found in the
/// lower slices alone, its x range is that of the lower box: so arms beside the chest are cut away. Throws
/// DataError if a component is smaller than the minimum.
Box body_box(const ImageVolume& image, Modality modality, std::string_view case_id, const BodyConfig& config,
             std::int64_t margin_voxels);

}  // namespace totum
