#pragma once
// A preset: everything that a reproduction needs besides the methods, in one JSON file.

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/atlas.h"
#include "data/preprocess.h"
#include "data/sampler/patch_sampler.h"
#include "methods/method.h"

namespace totum {

struct DatasetConfig {
  std::string kind = "phantom";   // phantom: made where --data names no folder; amos: --data is needed
  std::string phantom = "smoke";  // name for phantom_config(); the size that stands on every page
  std::uint64_t phantom_seed = 7;
  std::string split = "phantom_smoke";  // in data_splits/, or a path to a CSV
  std::vector<std::string> known_tasks{"ct_a", "ct_b", "mr"};
};

struct ScheduleConfig {
  std::int64_t epochs = 600;  // K
  std::int64_t validate_every_epochs = 50;
  std::string selection =
      "labelled_sum";  // mean Dice of each organ over validation cases whose task labels it, summed
  std::int64_t log_every_iterations = 20;
  double checkpoint_every_s = 60;
  std::int64_t checkpoint_every_iterations = 0;  // 0: by time alone
};

struct EvaluationConfig {
  std::vector<std::string> grids{"network", "native"};
  std::vector<std::string> metrics{"dice", "dice_published"};
  std::string dice = "dice";  // of `metrics`: the Dice that chooses the best checkpoint and fills the tables
};

struct Preset {
  std::string name;
  std::string description;
  std::string precision = "float32";
  std::int64_t threads = 2;  // of one run; pinned, so that bytes do not depend on the machine's cores
  /// On a GPU. false: cuDNN takes whatever convolution it measures as fastest, and a run doesn't repeat.
  bool deterministic = true;
  std::vector<std::uint64_t> seeds{0};
  DatasetConfig dataset;
  PreprocessConfig preprocess;
  AtlasConfig atlas;
  SamplerConfig sampler;
  BackboneConfig backbone;
  OptimiserConfig optimiser;
  ScheduleConfig schedule;
  EvaluationConfig evaluation;
  nlohmann::json method_options =
      nlohmann::json::object();  // by method name: defaults under a table's own options
};

/// Reads one JSON object strictly. With sampler/extra_voxels, preprocess/padded_voxels is the patch and these
/// voxels, since the published code pads before it normalises; given otherwise it is an error. Throws
/// ConfigError that names file, path, value and what is allowed.
Preset read_preset(JsonReader json);
/// The resolved preset: read_preset(to_json(p)) equals p. Stored with every run.
nlohmann::json to_json(const Preset& preset);

/// Reads a preset by name or path with its `extends` chain (objects are merged key by key, all else is
/// replaced), then applies overrides "path/to/key=value" (or with dots; the value is JSON, else a string).
/// Throws ConfigError.
Preset load_preset(const std::string& name_or_path, const std::vector<std::string>& overrides = {});

}  // namespace totum
