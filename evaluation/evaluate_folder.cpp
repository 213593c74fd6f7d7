#include "evaluation/evaluate_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <future>
#include <map>
#include <set>

#include "core/error.h"
#include "core/json_reader.h"
#include "data/case_files.h"
#include "data/label_names.h"
#include "data/nifti.h"
#include "evaluation/score_case.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

CaseFiles label_maps_in(const fs::path& folder) {
  CaseFiles found = case_files_in(folder);
  if (found.files.empty() && found.unusable.empty()) {
    throw DataError(fmt::format("{}: holds no label map (CASE.nii.gz, one file a case), but {}",
                                folder.string(), found.others_text()),
                    true);
  }
  return found;
}

// What a folder's label maps are called in a dataset.json in it or, for references, beside it.
void check_names(const fs::path& labels, const fs::path& predictions, const FolderOptions& options) {
  constexpr const char* kAdvice =
      "totum scores AMOS22's numbers; say with {} FILE.json which label is which class, or correct "
      "dataset.json";
  const std::string of_references = fmt::format(kAdvice, "--reference-label-map");
  const fs::path folder = fs::absolute(labels).lexically_normal();
  check_label_names(folder / "dataset.json", options.reference_ids, of_references);
  const fs::path parent = folder.has_filename() ? folder.parent_path() : folder.parent_path().parent_path();
  check_label_names(parent / "dataset.json", options.reference_ids, of_references);
  check_label_names(predictions / "dataset.json", options.label_ids, fmt::format(kAdvice, "--label-map"));
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

// A class index, or the name of an organ; nullopt for anything else. Other spellings of a name are for
// dataset.json only: who writes a map writes totum's names.
std::optional<std::uint8_t> parse_class(const nlohmann::json& value) {
  for (std::int64_t organ = 0; organ <= kOrgans; ++organ) {
    if (value.is_string() ? value.get<std::string>() == organ_name(organ)
                          : value.is_number_integer() && value.get<std::int64_t>() == organ)
      return static_cast<std::uint8_t>(organ);
  }
  return std::nullopt;
}

LabelMap read_mapped(const fs::path& path, const LabelIds& ids) {
  if (ids.empty()) return read_label(path);
  const LabelValues stored = read_label_values(path);
  LabelMap labels{stored.geometry, std::vector<std::uint8_t>(stored.voxels.size())};
  std::set<std::int64_t> unknown;
  for (std::size_t i = 0; i < stored.voxels.size(); ++i) {
    const std::int64_t value = stored.voxels[i];
    if (value == 0) continue;
    const auto found = ids.find(value);
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
  const CaseFiles predicted = label_maps_in(predictions);
  const CaseFiles references = label_maps_in(labels);
  check_names(labels, predictions, options);
  for (const auto& [case_id, path] : predicted.files) {
    if (!references.files.contains(case_id)) result.without_reference.push_back(case_id);
  }
  std::vector<std::string> faults;
  for (const auto& [case_id, why] : references.unusable) faults.push_back(why);
  for (const auto& [case_id, path] : references.files) {
    const auto prediction_path = predicted.files.find(case_id);
    if (const auto unusable = predicted.unusable.find(case_id); unusable != predicted.unusable.end()) {
      faults.push_back(unusable->second);
      continue;
    }
    if (prediction_path == predicted.files.end()) {
      result.missing.push_back(case_id);
      if (std::string instead = predicted.instead_of(case_id); !instead.empty())
        result.found_instead[case_id] = fmt::format("{}, wanted {}{}", instead, case_id, kCaseExtension);
      continue;
    }
    try {
      // Half of a case's time is unpacking, so both files are unpacked at once where there are cores.
      auto predicting = std::async(options.threads > 1 ? std::launch::async : std::launch::deferred,
                                   [&] { return read_mapped(prediction_path->second, options.label_ids); });
      const LabelMap reference = read_mapped(path, options.reference_ids);
      const LabelMap prediction = predicting.get();
      const std::string fault = grid_fault(prediction.geometry, reference.geometry, path.string());
      if (!fault.empty()) throw DataError(fmt::format("{}: {}", prediction_path->second.string(), fault));
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
