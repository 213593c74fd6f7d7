#include "data/preprocess.h"

#include <fmt/format.h>
#include <itkMacro.h>

#include <algorithm>
#include <new>

#include "core/error.h"
#include "data/normalise.h"
#include "data/orientation.h"
#include "data/resample.h"

namespace totum {

namespace {

void check_grids(const Geometry& image, const Geometry& label) {
  const std::string fault = grid_fault(label, image, "its image");
  if (!fault.empty()) throw DataError("the label " + fault);
}

constexpr Shape3 kNotPadded{0, 0, 0};

Box box_of(const ImageVolume& volume, Modality modality, const PreprocessConfig& config,
           std::string_view case_id) {
  return config.torso == "body"
             ? body_box(volume, modality, case_id, config.body, config.torso_margin_voxels)
             : largest_component_box(volume, otsu_threshold(volume), config.torso_margin_voxels);
}

// The torso's box inside the slices that hold an organ of the label (in canonical order).
Box box_in_label_extent(const ImageVolume& resliced, const std::optional<LabelMap>& label, Modality modality,
                        const PreprocessConfig& config, std::string_view case_id) {
  if (!label) {
    throw DataError(
        "it has no label, but preprocess/z_extent is \"labels\": the image is cut to the slices with organs. "
        "Add the "
        "label, or use \"torso\"");
  }
  const Box slices = label_extent(resample_nearest(*label, resliced.geometry, Outside::edge));
  Box box = box_of(crop(resliced, slices.start_xyz, slices.size_xyz), modality, config, case_id);
  box.start_xyz[2] += slices.start_xyz[2];
  return box;
}

std::int64_t voxels_to_pad(const Geometry& grid, const Shape3& padded) {
  const Shape3 shape = grid.shape();
  std::int64_t voxels = 1;
  for (std::size_t axis = 0; axis < 3; ++axis) voxels *= std::max(shape[axis], padded[axis]);
  return voxels - grid.voxels();
}

PreprocessedCase preprocess_all(const ImageVolume& image, const std::optional<LabelMap>& label,
                                Modality modality, const PreprocessConfig& config, std::string_view case_id) {
  if (label) check_grids(image.geometry, label->geometry);
  PreprocessedCase out;
  out.modality = modality;
  out.native = image.geometry;

  const ImageVolume canonical = to_ras(image);
  const Vector3 spacing_xyz{config.spacing_mm[2], config.spacing_mm[1], config.spacing_mm[0]};
  const Geometry grid = grid_with_spacing(canonical.geometry, spacing_xyz);
  const ImageVolume resliced = resample_linear(canonical, grid, Outside::edge);
  std::optional<LabelMap> ras_label;  // so that ties do not depend on how the file stores its axes
  if (label) ras_label = to_ras(LabelMap{image.geometry, label->voxels});
  const Box torso = config.z_extent == "labels"
                        ? box_in_label_extent(resliced, ras_label, modality, config, case_id)
                        : box_of(resliced, modality, config, case_id);
  ImageVolume cropped = crop(resliced, torso.start_xyz, torso.size_xyz);
  out.network = cropped.geometry;
  if (ras_label) out.label = resample_nearest(*ras_label, out.network, Outside::edge).voxels;

  const Normalisation normalisation =
      normalisation_for(cropped.voxels, modality, voxels_to_pad(out.network, config.padded_voxels));
  for (float& value : cropped.voxels) value = normalisation.apply(static_cast<double>(value));
  out.image = std::move(cropped.voxels);
  const bool pads_air = modality == Modality::ct && config.padded_voxels == kNotPadded;
  out.padding = pads_air ? -1.0F : normalisation.apply(0.0);
  return out;
}

}  // namespace

PreprocessConfig read_preprocess_config(JsonReader json) {
  PreprocessConfig config;
  json.optional("spacing_mm", config.spacing_mm, between(0.1, 100));
  json.optional("torso_margin_voxels", config.torso_margin_voxels, between(0, 1000));
  json.optional("z_extent", config.z_extent, one_of({"torso", "labels"}));
  json.optional("torso", config.torso, one_of({"otsu", "body"}));
  config.body = read_body_config(json.object("body"));
  json.optional("padded_voxels", config.padded_voxels, at_least(0));
  json.no_more_keys();
  return config;
}

nlohmann::json to_json(const PreprocessConfig& config) {
  return {{"spacing_mm", config.spacing_mm}, {"torso_margin_voxels", config.torso_margin_voxels},
          {"z_extent", config.z_extent},     {"torso", config.torso},
          {"body", to_json(config.body)},    {"padded_voxels", config.padded_voxels}};
}

PreprocessedCase preprocess(const ImageVolume& image, const std::optional<LabelMap>& label, Modality modality,
                            const PreprocessConfig& config, std::string_view case_id) {
  try {
    return preprocess_all(image, label, modality, config, case_id);
  } catch (const std::bad_alloc&) {
    throw DataError("there is not enough memory to preprocess it");
  } catch (const itk::ExceptionObject& error) {
    throw DataError(fmt::format("can't be preprocessed: {}", error.GetDescription()));
  }
}

std::string label_use_warning(const PreprocessConfig& config) {
  if (config.z_extent != "labels") return "";
  return "preprocessing cut every image, the test images too, to the slices in which its reference has "
         "organs "
         "(preprocess/z_extent is \"labels\", as in the published code): these scores use labels that a user "
         "of the "
         "method does not have";
}

LabelMap to_native(const LabelMap& network, const Geometry& native) {
  return resample_nearest(network, native, Outside::zero);
}

}  // namespace totum
