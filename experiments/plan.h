#pragma once
// The list of runs, as data, before the first one starts.

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/prepare.h"
#include "experiments/declarations.h"
#include "experiments/preset.h"

namespace totum {

/// One entry of a table: a method with its options, or one ablation.
struct PlannedMethod {
  std::string id;      // "single", "ablation_c": the folder's name
  std::string method;  // name in the registry
  std::string label;
  nlohmann::json options = nlohmann::json::object();
};

/// Everything that decides a run's result: run.json.
struct RunRecord {
  std::string id;
  std::string method;
  std::string label;
  nlohmann::json options = nlohmann::json::object();  // the preset's defaults with the table's own on top
  std::uint64_t seed = 0;
  Preset preset;
  std::string device = "cpu";
  std::vector<Task> tasks;
  std::string split_name;
  std::string config_sha256, split_sha256, data_sha256, binary_sha256;
  std::string totum_version, libtorch_version, itk_version;
  bool phantom_data = true;                        // the images are a phantom's, whatever the preset
  std::vector<std::string> notes;                  // what every report must repeat
  std::vector<std::string> obstacles;              // why its numbers can't be compared with the paper's
  Supervision supervision = Supervision::partial;  // traits of the method as its registry entry declares them
  bool of_paper = true;
  std::string remark;
  std::int64_t rules = 1;             // that its scores are made under: reports/rules.h
  std::vector<Declaration> declared;  // before it had scores, in order

  /// "ablation_a/seed-0": the column `run` of scores.csv.
  [[nodiscard]] std::string name() const;
};

nlohmann::json to_json(const RunRecord& record);
RunRecord run_record_from_json(const nlohmann::json& json, const std::string& file);  // throws ConfigError

/// Where a run finds its inputs: inputs.json. Kept apart from run.json, so that moving a folder changes no
/// result.
struct RunInputs {
  std::filesystem::path data, cache, split;
  bool allow_missing = false;
};

struct PlannedRun {
  std::filesystem::path folder;  // RUNS/<preset>/<id>/seed-<n>
  RunRecord record;
};

/// What every report must say of the data.
struct DataDescription {
  bool is_phantom = true;
  std::vector<std::string> notes, obstacles;
};

/// method × seed, in this order. Checks every method's name and options (by building it at the smallest size)
/// and collects the faults in one ConfigError.
std::vector<PlannedRun> plan_runs(const Preset& preset, const std::vector<PlannedMethod>& methods,
                                  const PreparedDataset& data, const std::string& device,
                                  const DataDescription& described, const std::filesystem::path& runs);

/// Writes run.json and inputs.json of every run. A run whose folder was planned alike keeps what it has, so a
/// plan can be repeated; one that was planned otherwise is an error that names the differences (nothing is
/// written then).
void write_plan(const std::vector<PlannedRun>& runs, const RunInputs& inputs);

/// What a method is made from, as the plan says.
MethodSetup method_setup(const RunRecord& record);

}  // namespace totum
