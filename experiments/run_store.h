#pragma once
// A run's folder: the names of its files, and what state it is in.

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "experiments/plan.h"

namespace totum {

enum class RunState : std::uint8_t { missing, planned, started, failed, done };
std::string_view to_string(RunState state);

/// Paths only; nothing is opened or made.
struct RunFolder {
  std::filesystem::path path;

  [[nodiscard]] std::filesystem::path run_json() const { return path / "run.json"; }
  [[nodiscard]] std::filesystem::path inputs_json() const { return path / "inputs.json"; }
  [[nodiscard]] std::filesystem::path log() const { return path / "log.jsonl"; }
  [[nodiscard]] std::filesystem::path checkpoint() const { return path / "checkpoint.safetensors"; }
  [[nodiscard]] std::filesystem::path best() const { return path / "best.safetensors"; }
  [[nodiscard]] std::filesystem::path scores() const { return path / "scores.csv"; }
  [[nodiscard]] std::filesystem::path done() const { return path / "done.json"; }
  [[nodiscard]] std::filesystem::path error() const { return path / "error.json"; }
  /// What a training makes and can make again; removed when the run is done.
  [[nodiscard]] std::filesystem::path scratch() const { return path / "scratch"; }
  /// Pictures and images that a training leaves to be looked at.
  [[nodiscard]] std::filesystem::path gallery() const { return path / "gallery"; }
  [[nodiscard]] std::filesystem::path lock() const { return path / "lock"; }
  [[nodiscard]] std::filesystem::path output() const { return path / "output.txt"; }
  [[nodiscard]] std::filesystem::path prediction(const std::string& grid, const std::string& case_id) const;
};

RunState state_of(const RunFolder& folder);
RunRecord read_run_record(const RunFolder& folder);  // throws ConfigError if the folder holds no plan
RunInputs read_run_inputs(const RunFolder& folder);
void write_run_inputs(const RunFolder& folder, const RunInputs& inputs);
void write_json(const std::filesystem::path& path, const nlohmann::json& json);  // atomic, indented

/// Removes the checkpoint and the scratch of a run that is done, which have done their work. The caller holds
/// the run's lock.
void remove_leftovers(const RunFolder& folder);

/// The message of error.json; empty if there is none.
std::string read_error(const RunFolder& folder);

}  // namespace totum
