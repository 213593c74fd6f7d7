#include "experiments/run_store.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/files.h"
#include "core/json_reader.h"

namespace totum {

namespace fs = std::filesystem;

std::string_view to_string(RunState state) {
  switch (state) {
    case RunState::missing:
      return "missing";
    case RunState::planned:
      return "planned";
    case RunState::started:
      return "started";
    case RunState::failed:
      return "failed";
    case RunState::done:
      return "done";
  }
  return "missing";
}

fs::path RunFolder::prediction(const std::string& grid, const std::string& case_id) const {
  return path / (grid == "network" ? "predictions_network" : "predictions") / (case_id + ".nii.gz");
}

RunState state_of(const RunFolder& folder) {
  if (fs::exists(folder.done())) return RunState::done;
  if (fs::exists(folder.error())) return RunState::failed;
  if (fs::exists(folder.checkpoint())) return RunState::started;
  return fs::exists(folder.run_json()) ? RunState::planned : RunState::missing;
}

RunRecord read_run_record(const RunFolder& folder) {
  if (!fs::exists(folder.run_json())) {
    throw ConfigError(
        fmt::format("{}: holds no run.json; plan runs with `totum reproduce`", folder.path.string()));
  }
  return run_record_from_json(read_json_file(folder.run_json()), folder.run_json().string());
}

RunInputs read_run_inputs(const RunFolder& folder) {
  JsonReader json(read_json_file(folder.inputs_json()), folder.inputs_json().string());
  std::string data, cache, split;
  RunInputs inputs;
  json.required("data", data);
  json.required("cache", cache);
  json.required("split", split);
  json.required("allow_missing", inputs.allow_missing);
  json.no_more_keys();
  inputs.data = data;
  inputs.cache = cache;
  inputs.split = split;
  return inputs;
}

void write_run_inputs(const RunFolder& folder, const RunInputs& inputs) {
  write_json(folder.inputs_json(), {{"data", fs::absolute(inputs.data).lexically_normal().string()},
                                    {"cache", fs::absolute(inputs.cache).lexically_normal().string()},
                                    {"split", fs::absolute(inputs.split).lexically_normal().string()},
                                    {"allow_missing", inputs.allow_missing}});
}

void write_json(const fs::path& path, const nlohmann::json& json) {
  write_file_atomically(path, json.dump(2) + "\n");
}

void remove_leftovers(const RunFolder& folder) {
  fs::remove(folder.checkpoint());
  fs::remove_all(folder.scratch());
}

std::string read_error(const RunFolder& folder) {
  if (!fs::exists(folder.error())) return "";
  const auto json = nlohmann::json::parse(read_file(folder.error()), nullptr, false);
  return json.is_object() ? json.value("error", "") : "";
}

}  // namespace totum
