#pragma once
// The probabilistic atlas: how often each organ lies where, from the labels of training cases alone.

#include <filesystem>
#include <vector>

#include "data/case_cache.h"
#include "data/split.h"

namespace totum {

struct Atlas {
  Shape3 shape{1, 1, 1};           // S = D,H,W: mean shape of the preprocessed training images, rounded
  std::vector<float> probability;  // [C,D,H,W] in [0,1]
};

/// A training case and the organs that its task labels.
struct AtlasCase {
  const PreparedCase* image = nullptr;
  std::vector<std::int64_t> organs;
};

/// Plain average over the cases that label the organ (a case without the organ counts as an empty map) of the
/// binary label maps, resized to S with nearest neighbours (source index floor(i n / S)). Other labels are
/// never read. An organ that no case labels has probability 0 everywhere. Source: paper section 2.
Atlas make_atlas(const std::vector<AtlasCase>& cases);

/// The part [start, start + size) of the atlas resized to an image of `image_shape` (nearest, source index
/// floor(i S / shape)); 0 beyond the image. [C, size...]; `out` has room for it.
void atlas_patch(const Atlas& atlas, const Shape3& image_shape, const Shape3& start, const Shape3& size,
                 float* out);

void write_atlas(const std::filesystem::path& path, const Atlas& atlas);
Atlas read_atlas(const std::filesystem::path& path);  // throws DataError if damaged

}  // namespace totum
