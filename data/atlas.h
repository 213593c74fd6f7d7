#pragma once
// The probabilistic atlas: how often each organ lies where, from the labels of training cases alone.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/json_reader.h"
#include "data/case_cache.h"
#include "data/split.h"
#include "data/warp.h"

namespace totum {

/// How the atlas is made. The defaults are the paper's; the published code has "maximum", 3 and "corners".
struct AtlasConfig {
  std::string scale = "cases";   // cases | maximum: what the number of label maps at a voxel is divided by
  double blur_sigma_voxels = 0;  // Gaussian blur of the divided maps, as SciPy's
  std::string label_resize = "floor";  // floor: source index floor(i n / S); corners: round(i (n-1) / (S-1))
  std::string alignment = "resize";    // resize | affine | deformable: register the training images too
};

AtlasConfig read_atlas_config(JsonReader json);
nlohmann::json to_json(const AtlasConfig& config);

struct Atlas {
  Shape3 shape{1, 1, 1};           // S = D,H,W: mean shape of the preprocessed training images, rounded
  std::vector<float> probability;  // [C,D,H,W] in [0,1]
};

/// A training case and the organs that its task labels.
struct AtlasCase {
  const PreparedCase* image = nullptr;
  std::vector<std::int64_t> organs;
  const Warp* to_image = nullptr;  // from places in the atlas to places in the image; null: plain resizing
};

/// S: the mean shape of the cases, halves up, at least 1. Throws DataError without a case.
Shape3 atlas_shape(const std::vector<AtlasCase>& cases);

/// The number of cases whose label map, resized to S with nearest neighbours, has the organ at a voxel. It is
/// divided by the number of cases that label the organ, of all tasks (a case without the organ counts as an
/// empty map); or by the largest number of the organ's map. Then it may be blurred. Other labels are never
/// read. An organ that no case labels has probability 0 everywhere. Source: paper section 2; methods
/// page 1.3.
Atlas make_atlas(const std::vector<AtlasCase>& cases, const AtlasConfig& config = {});

/// The part [start, start + size) of the atlas resized to an image of `image_shape` (nearest, source index
/// floor(i S / shape)); 0 beyond the image. With `to_atlas`, from places in the image to places in the atlas,
/// the source is moved by it, and 0 beyond the atlas. [C, size...]; `out` has room for it.
void atlas_patch(const Atlas& atlas, const Shape3& image_shape, const Shape3& start, const Shape3& size,
                 float* out, const Warp* to_atlas = nullptr);

/// How blurred an organ's map is: the sum over voxels of the binary entropy -p log2 p - (1-p) log2 (1-p),
/// divided by the sum of p (the organ's expected voxels). 0 if all cases agree everywhere; std::nullopt if p
/// is 0 everywhere.
std::optional<double> entropy_bits(const Atlas& atlas, std::int64_t organ);

void write_atlas(const std::filesystem::path& path, const Atlas& atlas);
Atlas read_atlas(const std::filesystem::path& path);  // throws DataError if damaged

}  // namespace totum
