#pragma once
// Atlas only: no network, no training; every voxel gets the class that is likeliest at its place in the
// torso. What location alone gives, so the lower bound of the tables. Not a method of the paper.

#include <cstdint>
#include <memory>
#include <vector>

#include "data/atlas.h"
#include "methods/label_source.h"

namespace totum {

/// Argmax over background and organs at each voxel of an image [D,H,W], with the atlas resized to the image
/// (nearest, as for training) and background 1 - Σ α_c. Since the organs' maps come from different cases, Σ
/// α_c may exceed 1; background is 0 then. Equal values: the lower class index. Class indices 0..13.
std::vector<std::uint8_t> atlas_labels(const Atlas& atlas, const Shape3& image_shape);

/// No options.
std::unique_ptr<LabelSource> make_atlas_only(JsonReader options);

}  // namespace totum
