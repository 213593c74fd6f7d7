#pragma once
// Preset PAPER of preprocessing: canonical orientation, reslicing, Otsu torso crop, normalisation. No label
// decides anything here. Source: paper section 2 and 3.

#include <cstdint>
#include <optional>
#include <vector>

#include "core/json_reader.h"
#include "data/organs.h"
#include "data/volume.h"

namespace totum {

struct PreprocessConfig {
  Vector3 spacing_mm{2, 1, 1};  // z,y,x
  std::int64_t torso_margin_voxels = 3;
};

PreprocessConfig read_preprocess_config(JsonReader json);
nlohmann::json to_json(const PreprocessConfig& config);

/// A case on the network grid: the resliced and cropped volume.
struct PreprocessedCase {
  Modality modality = Modality::ct;
  Geometry native;                  // the image file's own grid
  Geometry network;                 // RAS+, resliced, cropped
  std::vector<float> image;         // [D,H,W], normalised
  std::vector<std::uint8_t> label;  // [D,H,W], 0..13; empty if the case has no label
  float padding = 0;                // value beyond the volume: -1 (CT), normalised raw 0 (MR)
};

/// `label` (if given) must lie on the image's grid (to a twentieth of a voxel); throws DataError otherwise.
/// The order in which a file stores its axes changes nothing.
PreprocessedCase preprocess(const ImageVolume& image, const std::optional<LabelMap>& label, Modality modality,
                            const PreprocessConfig& config);

/// A label map on the network grid put back on the native grid (nearest neighbour; background outside the
/// crop).
LabelMap to_native(const LabelMap& network, const Geometry& native);

}  // namespace totum
