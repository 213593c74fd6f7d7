#include "data/phantom/checked_case.h"

#include <algorithm>

#include "data/nifti.h"
#include "data/normalise.h"
#include "data/orientation.h"
#include "data/phantom/spline_noise.h"

namespace totum {

namespace {

std::size_t check_voxels() {
  return static_cast<std::size_t>(kCheckGridXyz[0] * kCheckGridXyz[1] * kCheckGridXyz[2]);
}

// The nearest voxel at the same fraction of each axis.
template <class T>
std::vector<T> to_check_grid(const Volume<T>& volume) {
  const auto source = [&](std::int64_t i, std::size_t axis) {
    return (2 * i + 1) * volume.geometry.size_xyz[axis] / (2 * kCheckGridXyz[axis]);
  };
  std::vector<T> out;
  out.reserve(check_voxels());
  for (std::int64_t z = 0; z < kCheckGridXyz[2]; ++z) {
    for (std::int64_t y = 0; y < kCheckGridXyz[1]; ++y) {
      for (std::int64_t x = 0; x < kCheckGridXyz[0]; ++x)
        out.push_back(volume.at(source(z, 2), source(y, 1), source(x, 0)));
    }
  }
  return out;
}

std::optional<double> median(std::vector<float>& values) {
  if (values.size() < 3) return std::nullopt;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return static_cast<double>(*middle);
}

void measure_intensity(const ImageVolume& image, const LabelMap& labels, CheckedCase& out) {
  std::array<std::vector<float>, kClasses> values;
  const auto [columns, rows, slices] = labels.geometry.size_xyz;
  for (std::int64_t z = 0; z < slices; ++z) {
    for (std::int64_t y = 1; y + 1 < rows; ++y) {
      for (std::int64_t x = 1; x + 1 < columns; ++x) {
        const std::uint8_t c = labels.at(z, y, x);
        const bool inside = c > 0 && labels.at(z, y, x - 1) == c && labels.at(z, y, x + 1) == c &&
                            labels.at(z, y - 1, x) == c && labels.at(z, y + 1, x) == c;
        if (inside) values[c].push_back(image.at(z, y, x));
      }
    }
  }
  for (std::size_t c = 1; c < kClasses; ++c) out.intensity[c] = median(values[c]);
}

void measure_volumes(const LabelMap& labels, CheckedCase& out) {
  for (const std::uint8_t c : labels.voxels) ++out.voxels[c];
  const double voxel_ml = voxel_volume_ml(labels.geometry);
  for (std::size_t c = 0; c < kClasses; ++c) {
    const auto count = static_cast<double>(out.voxels[c]);
    out.volume_ml[c] = count * voxel_ml;
    if (c > 0) out.labelled_fraction += count / static_cast<double>(labels.voxels.size());
  }
}

}  // namespace

CheckedCase load_checked_case(const std::string& case_id, const DatasetCase& files,
                              const nlohmann::json& record) {
  CheckedCase out;
  out.case_id = case_id;
  out.modality = parse_modality(record.value("modality", "ct")).value_or(Modality::ct);
  out.sequence = record.value("sequence", "");
  for (const auto& organ : record.value("missing_organs", nlohmann::json::array()))
    out.missing.insert(organ.get<int>());
  const ImageVolume image = to_ras(read_image(files.image));
  const LabelMap labels = to_ras(read_label(files.label));
  out.same_grid = same_grid(image.geometry, labels.geometry);
  if (!out.same_grid) return out;
  measure_volumes(labels, out);
  measure_intensity(image, labels, out);
  out.label = to_check_grid(labels);
  std::array<std::int64_t, kClasses> on_check_grid{};
  for (const std::uint8_t c : out.label) ++on_check_grid[c];
  for (std::size_t c = 0; c < kClasses; ++c) out.voxels[c] = std::min(out.voxels[c], on_check_grid[c]);
  const Normalisation normalisation = normalisation_for(image.voxels, out.modality);
  out.features[0] = to_check_grid(image);
  for (float& v : out.features[0]) v = normalisation.apply(static_cast<double>(v));
  for (std::size_t f = 1; f < kFeatures; ++f) {
    out.features[f] = out.features[0];
    const auto sd = static_cast<double>(f);
    gaussian_blur(out.features[f], kCheckGridXyz, {sd, sd, sd});
  }
  return out;
}

}  // namespace totum
