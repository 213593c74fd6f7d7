#include "experiments/reproduce.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "data/phantom/phantom.h"
#include "experiments/declarations.h"
#include "experiments/environment.h"
#include "experiments/resources.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

struct OpenedData {
  PreparedDataset prepared;
  RunInputs inputs;
  DataDescription described;
};

// Is it the preset that the program ships under this name, but for what changes no number?
bool is_as_shipped(const Preset& preset) {
  const auto decisive = [](const Preset& p) {
    nlohmann::json json = to_json(p);
    for (const char* key : {"description", "seeds", "threads"}) json.erase(key);
    for (const char* key : {"checkpoint_every_s", "checkpoint_every_iterations", "log_every_iterations"}) {
      json["schedule"].erase(key);
    }
    return json;
  };
  try {
    return decisive(preset) == decisive(load_preset(preset.name));
  } catch (const ConfigError&) {
    return false;  // a file of the user's own
  }
}

DataDescription describe(const Preset& preset, const Dataset& dataset, const Split& split) {
  DataDescription described{dataset.is_phantom, {}, {}};
  if (dataset.is_phantom) {
    described.notes.push_back(fmt::format("{}, phantom: not a result about patients", preset.name));
    described.obstacles.emplace_back("phantom data");
  }
  if (!is_as_shipped(preset)) described.obstacles.push_back("a changed preset (" + preset.name + ")");
  if (const auto missing = missing_cases(dataset, split); !missing.empty()) {
    described.notes.push_back(fmt::format("{} of the split's {} cases are missing (--allow-missing): {}",
                                          missing.size(), split.cases.size(), fmt::join(missing, ", ")));
    described.obstacles.push_back(described.notes.back());
  }
  return described;
}

void check_subsets(const Split& split) {
  for (const Subset subset : {Subset::train, Subset::val, Subset::test}) {
    if (split.in(subset).empty()) {
      throw DataError(fmt::format("split {}: no {} case is left", split.name, to_string(subset)), true);
    }
  }
}

fs::path dataset_folder(const Preset& preset, const fs::path& data, const fs::path& out) {
  if (!data.empty()) return data;
  if (preset.dataset.kind == "phantom") return out / "data" / preset.name;
  throw ConfigError(fmt::format(
      "preset {} needs the AMOS22 dataset: pass --data DIR (the folder with dataset.json, imagesTr, "
      "labelsTr, …)",
      preset.name));
}

OpenedData open_data(const ReproduceRequest& request, Progress& progress) {
  const Preset& preset = request.preset;
  OpenedData opened;
  opened.inputs.split = split_file(preset.dataset.split);
  const Split split = read_split(opened.inputs.split, preset.dataset.known_tasks);
  opened.inputs.data = provide_dataset(preset, request.data, request.out, progress);
  opened.inputs.cache = request.out / "cache";
  opened.inputs.allow_missing = request.allow_missing;
  const Dataset dataset = open_dataset(opened.inputs.data);
  opened.described = describe(preset, dataset, split);
  const Split present = restrict_to(dataset, split, request.allow_missing);
  check_subsets(present);
  opened.prepared =
      prepare_dataset(dataset, present, {preset.preprocess, preset.atlas}, opened.inputs.cache, 0, progress);
  return opened;
}

void execute(const std::vector<RunFolder>& folders, const ReproduceRequest& request, Progress& progress) {
  ExecutorConfig config;
  config.program = request.program;
  config.threads = request.preset.threads;
  const bool slurm = request.executor == "slurm";
  if (slurm) {
    config.devices = request.device == "cuda" ? 1 : 0;  // of each task of the job array
  } else if (request.device == "cuda") {
    config.devices = static_cast<std::int64_t>(describe_environment().cuda_devices.size());
  }
  config.jobs = request.jobs > 0                      ? request.jobs
                : slurm                               ? static_cast<std::int64_t>(folders.size())
                : request.device.starts_with("cuda:") ? 1
                                                      : default_jobs(config.threads, config.devices);
  if (slurm) {
    run_on_slurm(folders, config, request.out / "slurm" / request.preset.name);
  } else {
    run_locally(folders, config, progress);
  }
}

// What can be refused before anything is written: a wrong --data, and options that a method does not take.
void check(const ReproduceRequest& request) {
  const Preset& preset = request.preset;
  PreparedDataset nothing_prepared;
  nothing_prepared.split = read_split(split_file(preset.dataset.split), preset.dataset.known_tasks);
  const fs::path folder = dataset_folder(preset, request.data, request.out);
  if (!request.data.empty()) {
    check_subsets(restrict_to(open_dataset(folder), nothing_prepared.split, request.allow_missing));
  }
  (void)plan_runs(preset, request.methods, nothing_prepared, request.device, {}, request.out / "runs");
}

RunCount counted(const std::vector<PlannedRun>& plan) {
  const auto done = std::count_if(plan.begin(), plan.end(), [](const PlannedRun& run) {
    return state_of(RunFolder{run.folder}) == RunState::done;
  });
  return {done, static_cast<std::int64_t>(plan.size())};
}

std::string why_unfinished(const RunFolder& folder) {
  try {
    const FileLock lock(folder.lock());
    return "did not finish; see " + folder.output().string();
  } catch (const HeldError& held) {
    return held.what();
  }
}

}  // namespace

fs::path provide_dataset(const Preset& preset, const fs::path& data, const fs::path& out,
                         Progress& progress) {
  const fs::path folder = dataset_folder(preset, data, out);
  if (!data.empty()) return folder;
  PhantomConfig config = phantom_config(preset.dataset.phantom);
  config.split = split_file(preset.dataset.split);
  config.seed = preset.dataset.phantom_seed;
  write_phantom_dataset(config, folder, progress);
  return folder;
}

PlanOverview overview(const ReproduceRequest& request) {
  const Preset& preset = request.preset;
  const Split split = read_split(split_file(preset.dataset.split), preset.dataset.known_tasks);
  PlanOverview plan;
  plan.cases = split.cases.size();
  plan.data = dataset_folder(preset, request.data, request.out);
  plan.data_exists = !request.data.empty() || fs::exists(plan.data);
  if (plan.data_exists) plan.missing_cases = missing_cases(open_dataset(plan.data), split);
  plan.patches = preset.schedule.epochs * static_cast<std::int64_t>(split.in(Subset::train).size());
  PreparedDataset nothing_prepared;
  nothing_prepared.split = split;
  for (const PlannedRun& run :
       plan_runs(preset, request.methods, nothing_prepared, request.device, {}, request.out / "runs")) {
    const RunFolder folder{run.folder};
    plan.runs.push_back({folder, run.record.name(), state_of(folder), read_error(folder)});
  }
  return plan;
}

ReproduceResult reproduce(const ReproduceRequest& request, Progress& progress) {
  check(request);
  const FileLock lock =
      FileLock::wait(request.out / "lock");  // of two calls the second finds the first one's work
  const OpenedData opened = open_data(request, progress);
  const fs::path runs = request.out / "runs";
  auto plan =
      plan_runs(request.preset, request.methods, opened.prepared, request.device, opened.described, runs);
  for (PlannedRun& run : plan) {
    run.record.declared = request.declared;
    run.record.rules = request.rules;
  }
  write_plan(plan, opened.inputs);
  keep_declarations(runs / request.preset.name, request.declared, counted(plan));
  std::vector<RunFolder> folders;
  for (const PlannedRun& run : plan) folders.push_back({run.folder});
  execute(folders, request, progress);
  ReproduceResult result{runs / request.preset.name, opened.inputs.data, {}};
  for (const PlannedRun& run : plan) {
    const RunFolder folder{run.folder};
    const RunState state = state_of(folder);
    std::string error = state == RunState::done ? "" : read_error(folder);
    if (state != RunState::done && error.empty()) error = why_unfinished(folder);
    result.outcomes.push_back({folder, run.record.name(), state, error});
  }
  return result;
}

}  // namespace totum
