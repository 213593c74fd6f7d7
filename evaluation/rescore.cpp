#include "evaluation/rescore.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "core/error.h"
#include "core/json_reader.h"
#include "core/parallel.h"
#include "data/nifti.h"
#include "data/prepare.h"
#include "evaluation/score_case.h"
#include "evaluation/scores.h"

namespace totum {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// What is needed of a run's plan.
struct Plan {
  Split split;
  PreprocessConfig preprocess;
  std::vector<std::string> metrics;
  bool allow_missing = false;
};

std::vector<std::string> evaluated(const json& record, const char* what, std::vector<std::string> standard) {
  const json config = record.value("config", json::object());
  return config.value("evaluation", json::object()).value(what, std::move(standard));
}

Plan read_plan(const fs::path& run) {
  const json record = read_json_file(run / "run.json");
  const json inputs = read_json_file(run / "inputs.json");
  const json config = record.value("config", json::object());
  return {read_split(inputs.at("split").get<std::string>()),
          read_preprocess_config(JsonReader(config.value("preprocess", json::object()), "run.json")),
          evaluated(record, "metrics", {"dice", "dice_published"}), inputs.value("allow_missing", false)};
}

fs::path prediction_of(const fs::path& run, const std::string& grid, const std::string& case_id) {
  return run / (grid == "network" ? "predictions_network" : "predictions") / (case_id + ".nii.gz");
}

using Key = std::tuple<std::string, std::int64_t, std::string>;  // case, organ, metric
using ScoresByKey = std::map<Key, Score>;

Key key_of(const Score& s) { return {s.case_id, s.organ, s.metric}; }

std::string name_of(const Key& key) {
  return fmt::format("{}, organ {}, {}", std::get<0>(key), std::get<1>(key), std::get<2>(key));
}

std::string text(const Score& s) { return s.value ? fmt::format("{}", *s.value) : "not scored"; }

// Values that depend on the grid's spacing, and not on voxels alone.
bool is_of_geometry(const Key& key) {
  constexpr std::array<std::string_view, 4> kMetrics{"volume_error_ml", "nsd", "hd95", "assd"};
  return std::find(kMetrics.begin(), kMetrics.end(), std::get<2>(key)) != kMetrics.end();
}

ScoresByKey only(const ScoresByKey& scores, bool of_geometry) {
  ScoresByKey some;
  for (const auto& [key, score] : scores) {
    if (is_of_geometry(key) == of_geometry) some.emplace(key, score);
  }
  return some;
}

// The first row that differs between the stored scores and those taken again; empty if there is none.
std::string first_difference(const ScoresByKey& stored, const ScoresByKey& again) {
  for (const auto& [key, score] : again) {
    const auto found = stored.find(key);
    if (found == stored.end()) return name_of(key) + ": has no row in scores.csv";
    const Score& before = found->second;
    if (before.value != score.value) {
      return fmt::format("{}: {} in scores.csv, {} from the label map", name_of(key), text(before),
                         text(score));
    }
    if (before.modality != score.modality || before.relation != score.relation ||
        before.in_reference != score.in_reference) {
      return name_of(key) + ": modality, relation or in_reference is another one in scores.csv";
    }
  }
  for (const auto& [key, score] : stored) {
    if (!again.contains(key))
      return name_of(key) + ": stands in scores.csv, but not in the label maps' scores";
  }
  return "";
}

bool is_complete(const Dataset& dataset, const std::string& case_id) {
  const auto found = dataset.cases.find(case_id);
  return found != dataset.cases.end() && !found->second.label.empty();
}

// Test cases to be scored again; a case that can't be is named in `difference`.
std::vector<SplitCase> cases_to_score(const Plan& plan, const Dataset& dataset, const ScoresByKey& stored,
                                      std::string& difference) {
  std::set<std::string> scored;
  for (const auto& [key, score] : stored) scored.insert(score.case_id);
  std::vector<SplitCase> cases;
  for (const SplitCase& c : plan.split.in(Subset::test)) {
    if (is_complete(dataset, c.case_id)) {
      cases.push_back(c);
    } else if (scored.contains(c.case_id) || !plan.allow_missing) {
      difference = fmt::format("{}: {} has no image or no label of it", c.case_id, dataset.folder.string());
      return {};
    }
  }
  if (cases.empty()) difference = fmt::format("{} has no test case of the split", dataset.folder.string());
  return cases;
}

}  // namespace

std::vector<std::string> scored_grids(const json& record) {
  return evaluated(record, "grids", {"network", "native"});
}

Rescorer::Rescorer(const fs::path& data) : dataset_(open_dataset(data)) {}

Rescorer::Reference Rescorer::reference_of(const SplitCase& c, const Split& split,
                                           const PreprocessConfig& config, const std::string& grid) {
  const DatasetCase& files = dataset_.cases.at(c.case_id);
  if (grid == "native") {
    LabelMap label = read_label(files.label);
    return {label.geometry, std::move(label.voxels)};
  }
  const std::string key = c.case_id + " " + to_json(config).dump();
  const auto known = network_references_.find(key);
  if (known != network_references_.end()) return known->second;
  PreprocessedCase made = preprocess(read_image(files.image), read_label(files.label),
                                     split.task_of(c).modality, config, c.case_id);
  return network_references_.emplace(key, Reference{made.network, std::move(made.label)}).first->second;
}

Rescoring Rescorer::rescore(const fs::path& run, const std::string& grid) {
  const Plan plan = read_plan(run);
  ScoresByKey stored;
  for (const Score& s : read_scores(run / "scores.csv")) {
    if (s.grid == grid) stored.emplace(key_of(s), s);
  }
  Rescoring result;
  ScoresByKey again;
  for (const SplitCase& c : cases_to_score(plan, dataset_, stored, result.difference)) {
    const fs::path path = prediction_of(run, grid, c.case_id);
    if (!fs::exists(path)) return {result.cases, 0, path.string() + ": the label map is missing", false};
    const Reference reference = reference_of(c, plan.split, plan.preprocess, grid);
    const LabelMap prediction = read_label(path);
    if (std::string fault = grid_fault(prediction.geometry, reference.geometry, "its reference");
        !fault.empty())
      return {result.cases, 0, fmt::format("{}: {}", path.string(), fault), false};
    for (const Score& s : score_case({"", c.case_id, plan.split.task_of(c).modality, grid}, prediction.voxels,
                                     reference.voxels, prediction.geometry, plan.split, {plan.metrics})) {
      again.emplace(key_of(s), s);
    }
    ++result.cases;
  }
  result.values = static_cast<std::int64_t>(again.size());
  if (!result.difference.empty()) return result;
  result.difference = first_difference(only(stored, false), only(again, false));
  if (!result.difference.empty()) return result;
  result.difference = first_difference(only(stored, true), only(again, true));
  result.of_geometry = !result.difference.empty();
  return result;
}

DataCheck Rescorer::check_data(const fs::path& run) {
  const Plan plan = read_plan(run);
  const std::string key = plan.split.sha256 + to_json(plan.preprocess).dump();
  const auto known = checks_.find(key);
  if (known != checks_.end()) return known->second;
  DataCheck check;
  check.missing = missing_cases(dataset_, plan.split);
  Split present = plan.split;
  std::erase_if(present.cases, [&](const SplitCase& c) {
    return std::find(check.missing.begin(), check.missing.end(), c.case_id) != check.missing.end();
  });
  check.sha256 = data_sha256_of(dataset_, present, plan.preprocess, 0);
  return checks_.emplace(key, check).first->second;
}

}  // namespace totum
