#include "data/preprocess.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "data/normalise.h"
#include "data/orientation.h"
#include "data/resample.h"
#include "data/torso.h"

namespace totum {

namespace {

// Headers of an image and its label may differ in the last digits of their float32 transforms: a twentieth of
// a voxel is far above that and far below anything that would move a label.
constexpr double kGridToleranceVoxels = 0.05;

void check_grids(const Geometry& image, const Geometry& label) {
  if (image.size_xyz != label.size_xyz) {
    throw DataError(
        fmt::format("the label has {} x {} x {} voxels, its image {} x {} x {}; store it on the image's grid",
                    label.size_xyz[0], label.size_xyz[1], label.size_xyz[2], image.size_xyz[0],
                    image.size_xyz[1], image.size_xyz[2]));
  }
  const Vector3 spacing = spacing_mm_xyz(image);
  if (!same_grid(image, label, kGridToleranceVoxels * *std::min_element(spacing.begin(), spacing.end()))) {
    throw DataError(
        "the label has another spacing, origin or direction than its image; store it on the image's grid");
  }
}

}  // namespace

PreprocessConfig read_preprocess_config(JsonReader json) {
  PreprocessConfig config;
  json.optional("spacing_mm", config.spacing_mm, between(0.1, 100));
  json.optional("torso_margin_voxels", config.torso_margin_voxels, between(0, 1000));
  json.no_more_keys();
  return config;
}

nlohmann::json to_json(const PreprocessConfig& config) {
  return {{"spacing_mm", config.spacing_mm}, {"torso_margin_voxels", config.torso_margin_voxels}};
}

PreprocessedCase preprocess(const ImageVolume& image, const std::optional<LabelMap>& label, Modality modality,
                            const PreprocessConfig& config) {
  if (label) check_grids(image.geometry, label->geometry);
  PreprocessedCase out;
  out.modality = modality;
  out.native = image.geometry;

  const ImageVolume canonical = to_ras(image);
  const Vector3 spacing_xyz{config.spacing_mm[2], config.spacing_mm[1], config.spacing_mm[0]};
  const Geometry grid = grid_with_spacing(canonical.geometry, spacing_xyz);
  const ImageVolume resliced = resample_linear(canonical, grid, Outside::edge);
  const Box torso = largest_component_box(resliced, otsu_threshold(resliced), config.torso_margin_voxels);
  ImageVolume cropped = crop(resliced, torso.start_xyz, torso.size_xyz);
  out.network = cropped.geometry;

  const Normalisation normalisation = normalisation_for(cropped.voxels, modality);
  for (float& value : cropped.voxels) value = normalisation.apply(static_cast<double>(value));
  out.image = std::move(cropped.voxels);
  out.padding = modality == Modality::ct ? -1.0F : normalisation.apply(0.0);
  if (label) {  // in canonical order, so that ties do not depend on how the file stores its axes
    out.label =
        resample_nearest(to_ras(LabelMap{image.geometry, label->voxels}), out.network, Outside::edge).voxels;
  }
  return out;
}

LabelMap to_native(const LabelMap& network, const Geometry& native) {
  return resample_nearest(network, native, Outside::zero);
}

}  // namespace totum
