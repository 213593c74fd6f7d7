#include "evaluation/evaluate_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "data/nifti.h"
#include "evaluation/score_case.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

std::map<std::string, fs::path> label_maps_in(const fs::path& folder) {
  constexpr std::string_view kExtension = ".nii.gz";
  if (!fs::is_directory(folder))
    throw DataError(fmt::format("{}: there is no such folder", folder.string()), true);
  std::map<std::string, fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(kExtension) && !name.starts_with('.'))
      found[name.substr(0, name.size() - kExtension.size())] = entry.path();
  }
  if (found.empty())
    throw DataError(fmt::format("{}: holds no label map (CASE.nii.gz)", folder.string()), true);
  return found;
}

Modality modality_of(const std::string& case_id, const Split& split) {
  for (const SplitCase& c : split.cases) {
    if (c.case_id == case_id) return split.task_of(c).modality;
  }
  const auto modality = case_id.starts_with("amos_") ? modality_of_amos_id(case_id) : std::nullopt;
  if (!modality)
    throw DataError(
        fmt::format("case {}: its modality is unknown; name it in a split and pass --split", case_id), true);
  return *modality;
}

}  // namespace

FolderScores evaluate_folder(const fs::path& labels, const fs::path& predictions, const Split& split,
                             const std::string& run) {
  FolderScores result;
  const auto predicted = label_maps_in(predictions);
  const auto references = label_maps_in(labels);
  for (const auto& [case_id, path] : predicted) {
    if (!references.contains(case_id)) result.without_reference.push_back(case_id);
  }
  std::vector<std::string> faults;
  for (const auto& [case_id, path] : references) {
    const auto prediction_path = predicted.find(case_id);
    if (prediction_path == predicted.end()) {
      result.missing.push_back(case_id);
      continue;
    }
    try {
      const LabelMap reference = read_label(path);
      const LabelMap prediction = read_label(prediction_path->second);
      if (!same_grid(reference.geometry, prediction.geometry)) {
        throw DataError(fmt::format(
            "{}: has another size, spacing, origin or direction than {}; write it on the image's grid",
            prediction_path->second.string(), path.string()));
      }
      const CaseToScore c{run, case_id, modality_of(case_id, split), "native"};
      const auto scores = score_case(c, prediction.voxels, reference.voxels, split);
      result.scores.insert(result.scores.end(), scores.begin(), scores.end());
      ++result.cases;
    } catch (const DataError& error) {
      faults.emplace_back(error.what());
    }
  }
  if (!faults.empty())
    throw DataError(
        fmt::format("{} case(s) can't be scored:\n  {}", faults.size(), fmt::join(faults, "\n  ")));
  return result;
}

}  // namespace totum
