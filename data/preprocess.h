#pragma once
// The whole way of one case: canonical orientation, reslicing, torso crop, normalisation. By default as the
// paper's text says (section 2 and 3: Otsu's threshold; no label decides anything); the keys of
// PreprocessConfig choose what the published code does instead (methods page 1.1 and 1.2).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_reader.h"
#include "data/organs.h"
#include "data/published_crop.h"
#include "data/volume.h"

namespace totum {

struct PreprocessConfig {
  Vector3 spacing_mm{2, 1, 1};  // z,y,x
  std::int64_t torso_margin_voxels = 3;
  std::string z_extent =
      "torso";                 // torso | labels: CODE first cuts z to the slices with organs, in every case
  std::string torso = "otsu";  // otsu | body: CODE's eroded mask at a fixed threshold
  BodyConfig body{};
  /// 0,0,0: normalise, then pad (PAPER). Else pad with raw 0 up to at least this (D,H,W), then normalise
  /// (CODE).
  Shape3 padded_voxels{0, 0, 0};
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
  float padding = 0;                // value beyond the volume: -1 (CT, PAPER), else normalised raw 0
};

/// `label` (if given) must lie on the image's grid (to a twentieth of a voxel); throws DataError otherwise,
/// and if z_extent is "labels" but there is none. The order in which a file stores its axes changes nothing.
/// `case_id` chooses the body's threshold. Padding is not stored: it counts in the normalisation, and
/// `padding` is its value.
PreprocessedCase preprocess(const ImageVolume& image, const std::optional<LabelMap>& label, Modality modality,
                            const PreprocessConfig& config, std::string_view case_id = "");

/// What every report of results with this preprocessing must say; empty if labels decide nothing.
std::string label_use_warning(const PreprocessConfig& config);

/// A label map on the network grid put back on the native grid (nearest neighbour; background outside the
/// crop).
LabelMap to_native(const LabelMap& network, const Geometry& native);

}  // namespace totum
