#include "experiments/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/sha256.h"
#include "core/version.h"
#include "experiments/environment.h"
#include "experiments/registry.h"
#include "experiments/run_store.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFormat = 1;

// What decides the result: not the words, nor how often a checkpoint is written, nor which other seeds there
// are.
std::string config_hash(const RunRecord& record) {
  nlohmann::json preset = to_json(record.preset);
  preset.erase("description");
  preset.erase("seeds");
  preset.erase("method_options");  // those of this method stand in record.options
  for (const char* key : {"checkpoint_every_s", "checkpoint_every_iterations", "log_every_iterations"}) {
    preset["schedule"].erase(key);
  }
  const nlohmann::json all{{"preset", preset},
                           {"method", record.method},
                           {"options", record.options},
                           {"seed", record.seed},
                           {"device", record.device}};
  return sha256(std::string_view(all.dump()));
}

nlohmann::json merged_options(const Preset& preset, const PlannedMethod& method) {
  nlohmann::json options = preset.method_options.value(method.method, nlohmann::json::object());
  for (const auto& [key, value] : method.options.items()) {
    if (value.is_object() && options.contains(key) && options[key].is_object()) {
      options[key].update(value, true);
    } else {
      options[key] = value;
    }
  }
  return options;
}

nlohmann::json tasks_to_json(const std::vector<Task>& tasks) {
  nlohmann::json list = nlohmann::json::array();
  for (const Task& task : tasks) {
    list.push_back({{"name", task.name}, {"modality", to_string(task.modality)}, {"organs", task.organs}});
  }
  return list;
}

// A run planned before there were traits has the usual ones.
void read_traits(JsonReader json, RunRecord& record) {
  std::string supervision = "partial";
  json.optional("supervision", supervision, one_of({"partial", "full"}));
  json.optional("of_paper", record.of_paper);
  json.optional("remark", record.remark);
  json.no_more_keys();
  record.supervision = supervision == "full" ? Supervision::full : Supervision::partial;
}

nlohmann::json declared_to_json(const std::vector<Declaration>& declared) {
  nlohmann::json list = nlohmann::json::array();
  for (const Declaration& d : declared) list.push_back({{"table", d.table}, {"sha256", d.sha256}});
  return list;
}

std::vector<Declaration> read_declared(JsonReader& json) {
  std::vector<Declaration> declared;
  for (JsonReader& reader : json.objects("declared")) {
    Declaration d;
    reader.required("table", d.table);
    reader.required("sha256", d.sha256);
    reader.no_more_keys();
    declared.push_back(std::move(d));
  }
  return declared;
}

// A run that has no scores yet keeps what it was planned under, and new declarations follow.
std::vector<Declaration> joined(std::vector<Declaration> declared, const std::vector<Declaration>& more) {
  for (const Declaration& d : more) {
    const bool known = std::any_of(declared.begin(), declared.end(), [&](const Declaration& other) {
      return other.table == d.table && other.sha256 == d.sha256;
    });
    if (!known) declared.push_back(d);
  }
  return declared;
}

Task read_task(JsonReader json) {
  Task task;
  std::string modality;
  json.required("name", task.name);
  json.required("modality", modality, one_of({"ct", "mr"}));
  json.required("organs", task.organs, between(1, static_cast<double>(kOrgans)));
  json.no_more_keys();
  task.modality = *parse_modality(modality);
  return task;
}

// Building a method is the one full check of its options.
std::string fault_of(const RunRecord& record, const std::string& id) {
  try {
    if (const MethodEntry& entry = find_method(record.method); entry.make_source != nullptr) {
      (void)entry.make_source(JsonReader(record.options, id, "/options"));
      return "";
    }
    MethodSetup setup = method_setup(record);
    setup.backbone.base_width = 16;
    setup.device = c10::Device(c10::kCPU);
    find_method(record.method).make(setup, JsonReader(record.options, id, "/options"));
    return "";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

// Empty if a run that was planned as `old` may go on as `fresh`.
std::vector<std::string> differences(const RunRecord& old, const RunRecord& fresh) {
  std::vector<std::string> found;
  if (old.config_sha256 != fresh.config_sha256) {
    const nlohmann::json before = to_json(old), after = to_json(fresh);
    for (const auto& change : nlohmann::json::diff(before, after)) {
      const auto path = change["path"].get<std::string>();
      if (path.starts_with("/hashes") || path.starts_with("/notes") || path.starts_with("/obstacles") ||
          path.starts_with("/versions") || path.starts_with("/rules") || path.starts_with("/declared"))
        continue;
      const nlohmann::json::json_pointer place(path);
      found.push_back(fmt::format("{} was {}, is {}", path,
                                  before.contains(place) ? before[place].dump() : "absent",
                                  after.contains(place) ? after[place].dump() : "absent"));
    }
    if (found.empty()) found.emplace_back("the configuration");
  }
  if (old.split_sha256 != fresh.split_sha256) found.emplace_back("the split " + fresh.split_name);
  if (old.data_sha256 != fresh.data_sha256) found.emplace_back("the images, labels or preprocessing");
  return found;
}

bool keeps_record(const RunFolder& folder, RunRecord& fresh, std::vector<std::string>& faults) {
  if (!fs::exists(folder.run_json())) return false;
  const RunRecord old = read_run_record(folder);
  const auto found = differences(old, fresh);
  if (!found.empty()) {
    faults.push_back(
        fmt::format("{}: was planned otherwise ({})", folder.path.string(), fmt::join(found, "; ")));
    return true;
  }
  if (state_of(folder) == RunState::done) return true;
  if (old.binary_sha256 != fresh.binary_sha256 && fs::exists(folder.checkpoint())) {
    log_warning(fmt::format("{}: begun by another build of the program; it is continued by this one",
                            folder.path.string()));
  }
  fresh.declared = joined(old.declared, fresh.declared);
  return to_json(old) == to_json(fresh);
}

}  // namespace

std::string RunRecord::name() const { return fmt::format("{}/seed-{}", id, seed); }

nlohmann::json to_json(const RunRecord& r) {
  const DatasetConfig& dataset = r.preset.dataset;
  return {
      {"format", kFormat},
      {"id", r.id},
      {"method", r.method},
      {"label", r.label},
      {"options", r.options},
      {"seed", r.seed},
      {"preset", r.preset.name},
      {"dataset", r.phantom_data ? "phantom" : "amos"},
      {"size", dataset.kind == "phantom" ? dataset.phantom : "full"},
      {"config", to_json(r.preset)},
      {"hashes",
       {{"config", r.config_sha256},
        {"split", r.split_sha256},
        {"data", r.data_sha256},
        {"binary", r.binary_sha256}}},
      {"versions", {{"totum", r.totum_version}, {"libtorch", r.libtorch_version}, {"itk", r.itk_version}}},
      {"rules", r.rules},
      {"declared", declared_to_json(r.declared)},
      {"device", r.device},
      {"threads", r.preset.threads},
      {"split", {{"name", r.split_name}, {"tasks", tasks_to_json(r.tasks)}}},
      {"notes", r.notes},
      {"obstacles", r.obstacles},
      {"traits",
       {{"supervision", to_string(r.supervision)}, {"of_paper", r.of_paper}, {"remark", r.remark}}}};
}

RunRecord run_record_from_json(const nlohmann::json& json, const std::string& file) {
  JsonReader reader(json, file);
  RunRecord r;
  std::int64_t format = 0;
  reader.required("format", format, between(kFormat, kFormat));
  reader.required("id", r.id);
  reader.required("method", r.method);
  reader.required("label", r.label);
  r.options = reader.raw("options");
  reader.required("seed", r.seed);
  reader.required("device", r.device);
  reader.required("notes", r.notes);
  reader.optional("rules", r.rules);  // a run planned before rules had numbers has the first
  r.declared = read_declared(reader);
  std::string dataset;
  reader.required("dataset", dataset, one_of({"phantom", "amos"}));
  r.phantom_data = dataset == "phantom";
  reader.required("obstacles", r.obstacles);
  for (const char* derived : {"preset", "size", "threads"}) (void)reader.raw(derived);
  r.preset = read_preset(reader.object("config"));
  JsonReader hashes = reader.object("hashes");
  hashes.required("config", r.config_sha256);
  hashes.required("split", r.split_sha256);
  hashes.required("data", r.data_sha256);
  hashes.required("binary", r.binary_sha256);
  hashes.no_more_keys();
  JsonReader versions = reader.object("versions");
  versions.required("totum", r.totum_version);
  versions.required("libtorch", r.libtorch_version);
  versions.required("itk", r.itk_version);
  versions.no_more_keys();
  JsonReader split = reader.object("split");
  split.required("name", r.split_name);
  for (const JsonReader& task : split.objects("tasks")) r.tasks.push_back(read_task(task));
  split.no_more_keys();
  read_traits(reader.object("traits"), r);
  reader.no_more_keys();
  return r;
}

MethodSetup method_setup(const RunRecord& record) {
  MethodSetup setup;
  setup.backbone = record.preset.backbone;
  setup.optimiser = record.preset.optimiser;
  setup.tasks = record.tasks;
  setup.patch_voxels = record.preset.sampler.patch_voxels;
  setup.epochs = record.preset.schedule.epochs;
  setup.seed = record.seed;
  setup.device = c10::Device(record.device);
  return setup;
}

std::vector<PlannedRun> plan_runs(const Preset& preset, const std::vector<PlannedMethod>& methods,
                                  const PreparedDataset& data, const std::string& device,
                                  const DataDescription& described, const fs::path& runs) {
  const Environment environment = describe_environment();
  RunRecord common;
  common.preset = preset;
  common.device = device;
  common.tasks = data.split.tasks;
  common.split_name = data.split.name;
  common.split_sha256 = data.split.sha256;
  common.data_sha256 = data.data_sha256;
  common.binary_sha256 = binary_sha256();
  common.totum_version = kVersion;
  common.libtorch_version = environment.libtorch_version;
  common.itk_version = environment.itk_version;
  common.phantom_data = described.is_phantom;
  common.notes = described.notes;
  common.obstacles = described.obstacles;
  if (device.starts_with("cuda") && !preset.deterministic) {
    common.notes.emplace_back(
        "trained on a GPU without deterministic convolutions: a repetition differs in the last digits");
  }
  std::vector<PlannedRun> plan;
  std::vector<std::string> faults;
  for (const PlannedMethod& method : methods) {
    RunRecord record = common;
    record.id = method.id;
    record.method = method.method;
    record.label = method.label;
    record.options = merged_options(preset, method);
    if (const std::string fault = fault_of(record, method.id); !fault.empty()) {
      faults.push_back(fault);
      continue;
    }
    const MethodTraits& traits = find_method(method.method).traits;
    record.supervision = traits.supervision;
    record.of_paper = traits.of_paper;
    record.remark = traits.remark;
    for (const std::uint64_t seed : preset.seeds) {
      record.seed = seed;
      record.config_sha256 = config_hash(record);
      plan.push_back({runs / preset.name / method.id / fmt::format("seed-{}", seed), record});
    }
  }
  if (!faults.empty()) throw ConfigError(fmt::format("{}", fmt::join(faults, "\n")));
  return plan;
}

void write_plan(const std::vector<PlannedRun>& runs, const RunInputs& inputs) {
  std::vector<std::string> faults;
  std::vector<PlannedRun> planned = runs;
  std::vector<const PlannedRun*> fresh;
  for (PlannedRun& run : planned) {
    if (!keeps_record({run.folder}, run.record, faults)) fresh.push_back(&run);
  }
  if (!faults.empty()) {
    throw ConfigError(
        fmt::format("{}\nChoose another --out, or remove these folders.", fmt::join(faults, "\n")));
  }
  for (const PlannedRun* run : fresh) write_json(RunFolder{run->folder}.run_json(), to_json(run->record));
  for (const PlannedRun& run : runs) write_run_inputs({run.folder}, inputs);
}

}  // namespace totum
