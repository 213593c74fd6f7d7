#include "evaluation/evaluate_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/error.h"
#include "core/json_reader.h"
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

// A class index, or the name of an organ; nullopt for anything else.
std::optional<std::uint8_t> parse_class(const nlohmann::json& value) {
  for (std::int64_t organ = 0; organ <= kOrgans; ++organ) {
    if (value.is_string() ? value.get<std::string>() == organ_name(organ)
                          : value.is_number_integer() && value.get<std::int64_t>() == organ)
      return static_cast<std::uint8_t>(organ);
  }
  return std::nullopt;
}

LabelMap read_prediction(const fs::path& path, const LabelIds& ids) {
  if (ids.empty()) return read_label(path);
  const ImageVolume image = read_image(path);
  LabelMap labels{image.geometry, std::vector<std::uint8_t>(image.voxels.size())};
  std::set<float> unknown;
  for (std::size_t i = 0; i < image.voxels.size(); ++i) {
    const float value = image.voxels[i];
    if (value == 0) continue;
    const bool is_whole = value == std::floor(value) && std::abs(value) < 1e9F;
    const auto found = is_whole ? ids.find(static_cast<std::int64_t>(value)) : ids.end();
    if (found != ids.end()) {
      labels.voxels[i] = found->second;
    } else if (unknown.size() < 10) {
      unknown.insert(value);
    }
  }
  if (!unknown.empty())
    throw DataError(
        fmt::format("{}: holds labels that the label map doesn't name: {}; name them, with 0 for "
                    "what is no organ",
                    path.string(), fmt::join(unknown, ", ")));
  return labels;
}

std::vector<std::int64_t> absent_organs(const std::vector<Score>& scores) {
  std::set<std::int64_t> present;
  for (const Score& score : scores) {
    if (score.in_reference) present.insert(score.organ);
  }
  std::vector<std::int64_t> absent;
  for (std::int64_t organ = 1; organ <= kOrgans; ++organ) {
    if (!present.contains(organ)) absent.push_back(organ);
  }
  return absent;
}

}  // namespace

LabelIds read_label_ids(const fs::path& path) {
  const nlohmann::json json = read_json_file(path);
  const auto fail = [&](const std::string& what) {
    throw ConfigError(
        fmt::format("{}: {}; write {{\"LABEL\": CLASS, …}} with whole labels and classes 0..13 or "
                    "names of organs",
                    path.string(), what));
  };
  if (!json.is_object() || json.empty()) fail("is no object with labels");
  LabelIds ids;
  for (const auto& [key, value] : json.items()) {
    const bool is_number =
        !key.empty() && key.size() < 10 && key.find_first_not_of("0123456789") == std::string::npos;
    const auto known = parse_class(value);
    if (!is_number || !known) {
      fail(fmt::format("\"{}\": {}", key, value.dump()));
    } else if (const std::int64_t label = std::stoll(key); label == 0 && *known != 0) {
      fail("label 0 is the background");
    } else if (!ids.emplace(label, *known).second) {
      fail(fmt::format("label {} stands twice", label));
    }
  }
  return ids;
}

FolderScores evaluate_folder(const fs::path& labels, const fs::path& predictions, const Split& split,
                             const FolderOptions& options) {
  const ScoringOptions scoring{options.metrics, options.policy, options.threads};
  std::map<EmptyPolicy, std::vector<Score>> by_policy;
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
      const LabelMap prediction = read_prediction(prediction_path->second, options.label_ids);
      if (!same_grid(reference.geometry, prediction.geometry)) {
        throw DataError(fmt::format(
            "{}: has another size, spacing, origin or direction than {}; write it on the image's grid",
            prediction_path->second.string(), path.string()));
      }
      const CaseToScore c{options.run, case_id, modality_of(case_id, split), "native"};
      for (const auto& [policy, scores] :
           score_case_by_policy(c, prediction.voxels, reference.voxels, reference.geometry, split, scoring)) {
        auto& all = by_policy[policy];
        all.insert(all.end(), scores.begin(), scores.end());
      }
      ++result.cases;
    } catch (const DataError& error) {
      faults.emplace_back(error.what());
    }
  }
  if (!faults.empty())
    throw DataError(
        fmt::format("{} case(s) can't be scored:\n  {}", faults.size(), fmt::join(faults, "\n  ")));
  result.conventions = convention_matrix(by_policy);
  result.scores = std::move(by_policy[options.policy]);
  result.absent_organs = absent_organs(result.scores);
  return result;
}

}  // namespace totum
