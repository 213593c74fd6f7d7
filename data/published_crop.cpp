#include "data/published_crop.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "data/resample.h"

namespace totum {

namespace {

double threshold_for(const BodyConfig& config, Modality modality, std::string_view case_id) {
  const auto own = config.case_thresholds.find(std::string(case_id));
  if (own != config.case_thresholds.end()) return own->second;
  return modality == Modality::ct ? config.ct_threshold_hu : config.mr_threshold;
}

struct Wanted {
  const char* what;  // for the message
  const char* key;
  std::int64_t minimum_voxels;
  std::int64_t margin_voxels;
};

Box part_box(const ImageVolume& image, double threshold, const Wanted& wanted) {
  const Shape3& size = image.geometry.size_xyz;
  const auto largest = largest_component(eroded_body(image, threshold), size);
  const std::int64_t voxels = largest ? largest->voxels : 0;
  if (!largest || voxels < wanted.minimum_voxels) {
    throw DataError(
        fmt::format("the largest connected part of the {} above {} has {} voxels after erosion; it needs {}. "
                    "Is this the right "
                    "modality? If voxels are larger than 2 x 1 x 1 mm, lower preprocess/body/{}",
                    wanted.what, threshold, voxels, wanted.minimum_voxels, wanted.key));
  }
  return widened(largest->box, wanted.margin_voxels, size);
}

}  // namespace

BodyConfig read_body_config(JsonReader json) {
  BodyConfig config;
  json.optional("ct_threshold_hu", config.ct_threshold_hu);
  json.optional("mr_threshold", config.mr_threshold);
  if (json.has("case_thresholds")) {
    const nlohmann::json thresholds = json.raw("case_thresholds");
    if (!thresholds.is_object()) json.fail("case_thresholds", "must be an object of numbers by case id");
    config.case_thresholds.clear();
    for (const auto& [case_id, threshold] : thresholds.items()) {
      if (!threshold.is_number()) json.fail("case_thresholds", "must be an object of numbers by case id");
      config.case_thresholds[case_id] = threshold.get<double>();
    }
  }
  json.optional("minimum_voxels", config.minimum_voxels, at_least(1));
  json.optional("arm_minimum_voxels", config.arm_minimum_voxels, at_least(1));
  json.optional("arm_margin_voxels", config.arm_margin_voxels, between(0, 1000));
  json.optional("arm_extra_slices", config.arm_extra_slices, at_least(0));
  json.optional("arm_excess_voxels", config.arm_excess_voxels, at_least(0));
  json.no_more_keys();
  return config;
}

nlohmann::json to_json(const BodyConfig& config) {
  return {{"ct_threshold_hu", config.ct_threshold_hu},       {"mr_threshold", config.mr_threshold},
          {"case_thresholds", config.case_thresholds},       {"minimum_voxels", config.minimum_voxels},
          {"arm_minimum_voxels", config.arm_minimum_voxels}, {"arm_margin_voxels", config.arm_margin_voxels},
          {"arm_extra_slices", config.arm_extra_slices},     {"arm_excess_voxels", config.arm_excess_voxels}};
}

Box label_extent(const LabelMap& label) {
  const auto [nx, ny, nz] = label.geometry.size_xyz;
  const auto is_organ = [](std::uint8_t value) { return value > 0; };
  const auto first = std::find_if(label.voxels.begin(), label.voxels.end(), is_organ);
  if (first == label.voxels.end()) {
    throw DataError(
        "its label has no organ, but preprocess/z_extent is \"labels\": the image is cut to the slices with "
        "organs. "
        "Leave the case out of the split, or use \"torso\"");
  }
  const auto last = std::find_if(label.voxels.rbegin(), label.voxels.rend(), is_organ);
  const std::int64_t plane = nx * ny;
  const std::int64_t low = (first - label.voxels.begin()) / plane;
  const std::int64_t high = (label.voxels.rend() - last - 1) / plane;
  const std::int64_t start = std::max<std::int64_t>(0, low - 1);
  return {{0, 0, start}, {nx, ny, high + 1 - start}};
}

std::vector<std::uint8_t> eroded_body(const ImageVolume& image, double threshold) {
  const auto [nx, ny, nz] = image.geometry.size_xyz;
  std::vector<std::uint8_t> body(image.voxels.size());
  for (std::size_t i = 0; i < body.size(); ++i)
    body[i] = static_cast<double>(image.voxels[i]) > threshold ? 1 : 0;
  // One axis after the other, backwards, so that a voxel still finds its lower neighbour as it was.
  Shape3 length{nx, ny, nz};
  Shape3 stride{1, nx, nx * ny};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    for (auto i = static_cast<std::int64_t>(body.size()) - 1; i >= 0; --i) {
      const bool at_border = i / stride[axis] % length[axis] == 0;
      auto& voxel = body[static_cast<std::size_t>(i)];
      if (at_border || body[static_cast<std::size_t>(i - stride[axis])] == 0) voxel = 0;
    }
  }
  return body;
}

Box body_box(const ImageVolume& image, Modality modality, std::string_view case_id, const BodyConfig& config,
             std::int64_t margin_voxels) {
  const double threshold = threshold_for(config, modality, case_id);
  Box box = part_box(image, threshold, {"volume", "minimum_voxels", config.minimum_voxels, margin_voxels});
  if (modality == Modality::ct) return box;
  const auto [nx, ny, nz] = image.geometry.size_xyz;
  const ImageVolume lower = crop(image, {0, 0, 0}, {nx, ny, std::min(nz, nz / 2 + config.arm_extra_slices)});
  const Box torso = part_box(
      lower, threshold,
      {"volume's lower slices", "arm_minimum_voxels", config.arm_minimum_voxels, config.arm_margin_voxels});
  if (box.size_xyz[0] - torso.size_xyz[0] > config.arm_excess_voxels) {
    box.start_xyz[0] = torso.start_xyz[0];
    box.size_xyz[0] = torso.size_xyz[0];
  }
  return box;
}

}  // namespace totum
