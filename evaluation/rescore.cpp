#include "evaluation/rescore.h"

#include <fmt/format.h>

#include <map>
#include <tuple>

#include "core/error.h"
#include "core/json_reader.h"
#include "data/dataset.h"
#include "data/nifti.h"
#include "evaluation/score_case.h"
#include "evaluation/scores.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

using Key = std::tuple<std::string, std::int64_t, std::string>;  // case, organ, metric

std::map<Key, std::optional<double>> native_scores(const std::vector<Score>& scores) {
  std::map<Key, std::optional<double>> by_key;
  for (const Score& s : scores) {
    if (s.grid == "native") by_key[{s.case_id, s.organ, s.metric}] = s.value;
  }
  return by_key;
}

std::vector<Score> scores_of_case(const SplitCase& c, const fs::path& prediction, const fs::path& label,
                                  const Split& split) {
  const LabelMap predicted = read_label(prediction);
  const LabelMap reference = read_label(label);
  if (!same_grid(reference.geometry, predicted.geometry)) {
    throw DataError(fmt::format("{}: lies on another grid than {}", prediction.string(), label.string()));
  }
  return score_case({"", c.case_id, split.task_of(c).modality, "native"}, predicted.voxels, reference.voxels,
                    split);
}

std::string text(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : "not scored";
}

}  // namespace

std::string rescoring_difference(const fs::path& run, const fs::path& data) {
  const auto stored = native_scores(read_scores(run / "scores.csv"));
  if (stored.empty()) return "";
  const Split split = read_split(read_json_file(run / "inputs.json").at("split").get<std::string>());
  const Dataset dataset = open_dataset(data);
  for (const SplitCase& c : split.in(Subset::test)) {
    const auto found = dataset.cases.find(c.case_id);
    const fs::path prediction = run / "predictions" / (c.case_id + ".nii.gz");
    const bool has_label = found != dataset.cases.end() && !found->second.label.empty();
    if (!has_label || !fs::exists(prediction)) continue;  // a case that the run went without
    for (const Score& again : scores_of_case(c, prediction, found->second.label, split)) {
      const auto before = stored.find({again.case_id, again.organ, again.metric});
      if (before == stored.end() || before->second == again.value) continue;
      return fmt::format("{}, organ {}, {}: {} in scores.csv, {} from the label map", again.case_id,
                         again.organ, again.metric, text(before->second), text(again.value));
    }
  }
  return "";
}

}  // namespace totum
