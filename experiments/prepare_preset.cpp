#include "experiments/prepare_preset.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "core/error.h"
#include "data/atlas_files.h"
#include "experiments/reproduce.h"
#include "experiments/resources.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

PreparedDataset prepare(const PrepareRequest& request, Progress& progress) {
  const Preset& preset = request.preset;
  const Split split = read_split(split_file(preset.dataset.split), preset.dataset.known_tasks);
  const Dataset dataset = open_dataset(request.data);
  return prepare_dataset(dataset, restrict_to(dataset, split, request.allow_missing),
                         {preset.preprocess, preset.atlas}, request.cache, request.threads, progress);
}

std::string paper_remark(const Preset& preset) {
  if (preset.dataset.kind != "amos") return "";
  if (preset.preprocess.z_extent == "labels") return "The paper's mean is 143 x 233 x 338.";
  return "The paper's mean is 143 x 233 x 338. Its 143 slices were most likely cut with labels, which this "
         "preset "
         "does not do: expect a larger first number.";
}

AtlasOrgan describe(const PreparedDataset& prepared, std::int64_t organ, const Vector3& spacing_mm) {
  const Atlas& atlas = prepared.atlas;
  const auto voxels = static_cast<std::size_t>(atlas.shape[0] * atlas.shape[1] * atlas.shape[2]);
  AtlasOrgan found{organ, 0, 0, 0, entropy_bits(atlas, organ)};
  for (const SplitCase& c : prepared.split.in(Subset::train)) {
    const auto& organs = prepared.split.task_of(c).organs;
    found.cases += std::count(organs.begin(), organs.end(), organ);
  }
  for (const float p :
       std::span(atlas.probability).subspan(static_cast<std::size_t>(organ - 1) * voxels, voxels)) {
    found.volume_ml += static_cast<double>(p);
    found.largest = std::max(found.largest, p);
  }
  constexpr double kMm3PerMl = 1000;
  found.volume_ml *= spacing_mm[0] * spacing_mm[1] * spacing_mm[2] / kMm3PerMl;
  return found;
}

}  // namespace

PrepareSummary prepare_for_preset(const PrepareRequest& request, Progress& progress) {
  if (request.data.empty()) throw ConfigError("prepare: pass --data DIR, a dataset in AMOS22's form");
  const PreparedDataset prepared = prepare(request, progress);
  PrepareSummary summary{prepared.cases.size(), {}, prepared.atlas.shape, paper_remark(request.preset)};
  const auto training = prepared.split.in(Subset::train);
  for (const SplitCase& c : training) {
    const Shape3 shape = prepared.at(c.case_id).shape();
    for (std::size_t a = 0; a < 3; ++a)
      summary.mean_shape[a] += static_cast<double>(shape[a]) / static_cast<double>(training.size());
  }
  if (const std::string warning = label_use_warning(request.preset.preprocess); !warning.empty())
    summary.remark += fmt::format("{}Warning: {}", summary.remark.empty() ? "" : "\n", warning);
  return summary;
}

AtlasExport export_atlas(const PrepareRequest& request, const fs::path& out, Progress& progress) {
  if (fs::exists(out) && !fs::is_directory(out))
    throw DataError(fmt::format("{}: is a file; name a folder for the atlas", out.string()), true);
  PrepareRequest whole = request;
  whole.data = provide_dataset(request.preset, request.data, out, progress);
  if (whole.cache.empty()) whole.cache = out / "cache";
  const PreparedDataset prepared = prepare(whole, progress);
  const Vector3& spacing_mm = request.preset.preprocess.spacing_mm;
  AtlasExport done;
  done.files = write_atlas_files(prepared.atlas, spacing_mm, out);
  done.shape = prepared.atlas.shape;
  done.warning = label_use_warning(request.preset.preprocess);
  double sum = 0;
  std::int64_t defined = 0;
  for (std::int64_t organ = 1; organ <= kOrgans; ++organ) {
    done.organs.push_back(describe(prepared, organ, spacing_mm));
    if (!done.organs.back().entropy_bits) continue;
    sum += *done.organs.back().entropy_bits;
    ++defined;
  }
  if (defined > 0) done.mean_entropy_bits = sum / static_cast<double>(defined);
  return done;
}

}  // namespace totum
