#pragma once
// Prepared cases made from voxels, through a cache file as in a real run.

#include "data/case_cache.h"
#include "tests/data/volumes.h"

namespace totum {

/// shape: D,H,W of image and label (either may be empty: then zeros, or no label).
inline PreparedCase prepared_case(const std::filesystem::path& folder, const std::string& id,
                                  const Shape3& shape, std::vector<float> image,
                                  std::vector<std::uint8_t> label, Modality modality = Modality::ct) {
  PreprocessedCase made;
  made.modality = modality;
  made.native = made.network = upright_grid({shape[2], shape[1], shape[0]}, {1, 1, 1});
  made.image = std::move(image);
  made.image.resize(static_cast<std::size_t>(shape[0] * shape[1] * shape[2]), 0.0F);
  made.label = std::move(label);
  write_prepared_case(folder / id, made);
  return {id, folder / id};
}

}  // namespace totum
