#pragma once
// The main job: dataset, preprocessing, plan, runs. What is there already is kept; what is missing is done.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/progress.h"
#include "experiments/executor.h"
#include "experiments/plan.h"

namespace totum {

struct ReproduceRequest {
  Preset preset;
  std::vector<PlannedMethod> methods;
  std::vector<Declaration> declared;  // the tables, as they stand now
  std::int64_t rules = 1;             // that scores are made under: reports/rules.h
  std::filesystem::path out = "results";
  std::filesystem::path data;  // empty: a phantom, made under `out`
  bool allow_missing = false;
  std::string device = "cpu";
  std::string executor = "local";  // local | slurm
  std::int64_t jobs = 0;           // 0: as many as fit
  std::filesystem::path program;   // what the executor starts
};

struct RunOutcome {
  RunFolder folder;
  std::string name;  // "single/seed-0"
  RunState state = RunState::planned;
  std::string error;  // empty if there is none
};

struct ReproduceResult {
  std::filesystem::path runs;        // OUT/runs/<preset>
  std::filesystem::path data;        // the dataset that was used
  std::vector<RunOutcome> outcomes;  // in the order of the plan
};

/// The dataset a preset works on: `data`, or the phantom of the preset under `out` (made if it is not
/// complete). Throws ConfigError if the preset needs --data.
std::filesystem::path provide_dataset(const Preset& preset, const std::filesystem::path& data,
                                      const std::filesystem::path& out, Progress& progress);

/// What a reproduction would do, without doing any of it.
struct PlanOverview {
  std::filesystem::path data;  // where the dataset is, or where the phantom would be made
  bool data_exists = true;     // false: a phantom that is not made yet
  std::size_t cases = 0;       // of the split
  std::vector<std::string> missing_cases;
  std::vector<RunOutcome> runs;
  std::int64_t patches = 0;  // that each run trains on
  [[nodiscard]] bool ready() const { return missing_cases.empty(); }
};

/// Checks preset, split, methods and dataset, and lists the runs. Writes nothing.
PlanOverview overview(const ReproduceRequest& request);

/// Does the whole job but the report. Failed runs are outcomes, not exceptions. Throws Interrupted,
/// ConfigError, DataError.
ReproduceResult reproduce(const ReproduceRequest& request, Progress& progress);

}  // namespace totum
