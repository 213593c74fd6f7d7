#pragma once
// Cuts through a case as small pictures: the image in grey, and label maps as see-through layers over it.
// Internal to reports/.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>

#include "data/organs.h"
#include "data/png.h"
#include "data/volume.h"

namespace totum {

/// What a case's pictures are made from; all on one grid with axes RAS+.
struct OverlayVolumes {
  Shape3 shape{};                            // D,H,W
  Vector3 spacing_mm{};                      // z,y,x
  std::span<const float> image;              // [D,H,W]
  std::span<const std::uint8_t> reference;   // [D,H,W], class indices, of the annotators
  std::span<const std::uint8_t> prediction;  // of the table's reference method
  std::span<const std::uint8_t> other;       // of the other method; empty if there is none
};

/// Where label maps and reference say the same or not: colours of the fourth picture.
enum class Agreement : std::uint8_t {
  all_right,
  prediction_right,
  other_right,
  both_wrong,
  both_wrong_alike
};

/// An organ's colour. For normal, protan, deutan and tritan vision (Machado et al., IEEE TVCG 15 (2009) 1291)
/// any two of the 13 are at least 19 apart in CIELAB; found by search.
Rgba organ_colour(std::int64_t organ);
Rgba agreement_colour(Agreement agreement);

/// Three planes (axial, coronal, sagittal), each through the slice with the most voxels about which reference
/// and predictions disagree whether they are the organ; without disagreement, with the most of it. The
/// patient's right is on the left, front on top (axial) or on the left (sagittal), head on top. Pixels are
/// square in millimetres. Each picture, image or layer, has at most 40 kB of base64.
///
/// returns  an array, see `plane` in docs/report-schema.json
nlohmann::json overlay_planes(const OverlayVolumes& volumes, std::int64_t organ);

}  // namespace totum
