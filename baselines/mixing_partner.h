#pragma once
// Whom an image may be mixed with (CutMix in U²PL, ClassMix in PCL): a cuboid of MR inside CT would be an
// artefact that no method intends.

#include <cstdint>
#include <optional>
#include <vector>

#include "data/split.h"

namespace totum {

/// The next image of the same modality in the batch, cyclically, for each image; std::nullopt where there is
/// no other one (then it is not mixed).
std::vector<std::optional<std::int64_t>> mixing_partners(const std::vector<Modality>& modality);

}  // namespace totum
