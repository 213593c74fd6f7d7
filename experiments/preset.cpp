#include "experiments/preset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "evaluation/metric.h"
#include "experiments/registry.h"
#include "experiments/resources.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

DatasetConfig read_dataset(JsonReader json) {
  DatasetConfig config;
  json.optional("kind", config.kind, one_of({"phantom", "amos"}));
  json.optional("phantom", config.phantom, one_of({"tiny", "smoke", "quick", "phantom", "medium", "full"}));
  json.optional("phantom_seed", config.phantom_seed);
  json.optional("split", config.split);
  json.optional("known_tasks", config.known_tasks);
  json.no_more_keys();
  return config;
}

BackboneConfig read_backbone(JsonReader json) {
  BackboneConfig config;
  json.optional("base_width", config.base_width, multiple_of(16));
  json.optional("stem_stride", config.stem_stride, between(1, 2));
  json.no_more_keys();
  return config;
}

OptimiserConfig read_optimiser(JsonReader json) {
  OptimiserConfig config;
  json.optional("learning_rate", config.learning_rate, positive());
  json.optional("weight_decay", config.weight_decay, at_least(0));
  json.optional("poly_power", config.poly_power, at_least(0));
  json.no_more_keys();
  return config;
}

ScheduleConfig read_schedule(JsonReader json) {
  ScheduleConfig config;
  json.optional("epochs", config.epochs, positive());
  json.optional("validate_every_epochs", config.validate_every_epochs, positive());
  json.optional("selection", config.selection, one_of({"labelled_sum"}));
  json.optional("log_every_iterations", config.log_every_iterations, positive());
  json.optional("checkpoint_every_s", config.checkpoint_every_s, positive());
  json.optional("checkpoint_every_iterations", config.checkpoint_every_iterations, at_least(0));
  json.no_more_keys();
  return config;
}

EvaluationConfig read_evaluation(JsonReader json) {
  EvaluationConfig config;
  config.metrics = metric_ids();  // a preset that names none has them all
  json.optional("grids", config.grids, one_of({"network", "native"}));
  json.optional("metrics", config.metrics, OneOf{metric_ids()});
  if (config.grids.empty()) json.fail("grids", "must name at least one grid");
  if (config.metrics.empty()) json.fail("metrics", "must name at least one metric");
  json.optional("dice", config.dice, one_of({"dice", "dice_published"}));
  if (std::find(config.metrics.begin(), config.metrics.end(), config.dice) == config.metrics.end()) {
    json.fail("dice", "must be one of \"metrics\"");
  }
  json.no_more_keys();
  return config;
}

nlohmann::json read_method_options(JsonReader& json) {
  JsonReader options = json.object("method_options");
  nlohmann::json read = nlohmann::json::object();
  for (const MethodEntry& method : all_methods()) {
    const std::string name(method.name);
    const nlohmann::json value = options.raw(name);
    if (value.is_null()) continue;
    if (!value.is_object()) options.fail(name, "must be an object");
    read[name] = value;
  }
  options.no_more_keys();
  return read;
}

// CODE pads to the patch and some voxels before it normalises, so the patch decides about the normalisation.
void settle_padding(JsonReader& json, Preset& preset) {
  Shape3 wanted{0, 0, 0};
  if (preset.sampler.extra_voxels > 0) {
    wanted = preset.sampler.patch_voxels;
    for (std::int64_t& length : wanted) length += preset.sampler.extra_voxels;
  }
  const bool given = json.object("preprocess").has("padded_voxels");
  if (given && preset.preprocess.padded_voxels != wanted) {
    json.object("preprocess")
        .fail("padded_voxels",
              fmt::format("must be {} (sampler/patch_voxels and sampler/extra_voxels), or absent",
                          nlohmann::json(wanted).dump()));
  }
  preset.preprocess.padded_voxels = wanted;
}

// Objects are merged, all else is replaced.
void merge(nlohmann::json& into, const nlohmann::json& from) {
  for (const auto& [key, value] : from.items()) {
    if (value.is_object() && into.contains(key) && into[key].is_object()) {
      merge(into[key], value);
    } else {
      into[key] = value;
    }
  }
}

nlohmann::json load_chain(const fs::path& file, std::vector<fs::path> seen) {
  seen.push_back(fs::weakly_canonical(file));
  nlohmann::json json = read_json_file(file);
  if (!json.is_object())
    throw ConfigError(fmt::format("{}: must be a JSON object", file.filename().string()));
  if (!json.contains("extends")) return json;
  if (!json["extends"].is_string()) {
    throw ConfigError(fmt::format("{}: /extends is {}; must be the name of a preset",
                                  file.filename().string(), json["extends"].dump()));
  }
  const auto name = json["extends"].get<std::string>();
  const fs::path beside = file.parent_path() / (name + ".json");
  const fs::path base = fs::exists(beside) ? beside : preset_file(name);
  if (std::find(seen.begin(), seen.end(), fs::weakly_canonical(base)) != seen.end()) {
    throw ConfigError(fmt::format("{}: /extends is \"{}\"; presets extend each other in a circle",
                                  file.filename().string(), name));
  }
  nlohmann::json merged = load_chain(base, std::move(seen));
  json.erase("extends");
  merge(merged, json);
  return merged;
}

void apply_override(nlohmann::json& json, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) {
    throw ConfigError(fmt::format("--set {}: must be path=value, for example schedule/epochs=10", text));
  }
  std::string path = text.substr(0, equals);
  const std::string value = text.substr(equals + 1);
  std::replace(path.begin(), path.end(), '.', '/');
  if (path.front() != '/') path.insert(path.begin(), '/');
  nlohmann::json parsed = nlohmann::json::parse(value, nullptr, false);
  if (parsed.is_discarded()) parsed = value;
  try {
    json[nlohmann::json::json_pointer(path)] = parsed;
  } catch (const nlohmann::json::exception&) {
    throw ConfigError(fmt::format("--set {}: there is no such place in the preset", text));
  }
}

}  // namespace

Preset read_preset(JsonReader json) {
  Preset preset;
  json.required("name", preset.name);
  json.optional("description", preset.description);
  json.optional("precision", preset.precision, one_of({"float32"}));
  json.optional("threads", preset.threads, between(1, 1024));
  json.optional("deterministic", preset.deterministic);
  json.optional("seeds", preset.seeds, at_least(0));
  if (preset.seeds.empty()) json.fail("seeds", "must name at least one seed");
  preset.dataset = read_dataset(json.object("dataset"));
  preset.preprocess = read_preprocess_config(json.object("preprocess"));
  preset.atlas = read_atlas_config(json.object("atlas"));
  preset.sampler = read_sampler_config(json.object("sampler"));
  settle_padding(json, preset);
  preset.backbone = read_backbone(json.object("backbone"));
  preset.optimiser = read_optimiser(json.object("optimiser"));
  preset.schedule = read_schedule(json.object("schedule"));
  preset.evaluation = read_evaluation(json.object("evaluation"));
  preset.method_options = read_method_options(json);
  json.no_more_keys();
  return preset;
}

nlohmann::json to_json(const Preset& p) {
  const DatasetConfig& d = p.dataset;
  const ScheduleConfig& s = p.schedule;
  return {{"name", p.name},
          {"description", p.description},
          {"precision", p.precision},
          {"threads", p.threads},
          {"deterministic", p.deterministic},
          {"seeds", p.seeds},
          {"dataset",
           {{"kind", d.kind},
            {"phantom", d.phantom},
            {"phantom_seed", d.phantom_seed},
            {"split", d.split},
            {"known_tasks", d.known_tasks}}},
          {"preprocess", to_json(p.preprocess)},
          {"atlas", to_json(p.atlas)},
          {"sampler", to_json(p.sampler)},
          {"backbone", {{"base_width", p.backbone.base_width}, {"stem_stride", p.backbone.stem_stride}}},
          {"optimiser",
           {{"learning_rate", p.optimiser.learning_rate},
            {"weight_decay", p.optimiser.weight_decay},
            {"poly_power", p.optimiser.poly_power}}},
          {"schedule",
           {{"epochs", s.epochs},
            {"validate_every_epochs", s.validate_every_epochs},
            {"selection", s.selection},
            {"log_every_iterations", s.log_every_iterations},
            {"checkpoint_every_s", s.checkpoint_every_s},
            {"checkpoint_every_iterations", s.checkpoint_every_iterations}}},
          {"evaluation",
           {{"grids", p.evaluation.grids}, {"metrics", p.evaluation.metrics}, {"dice", p.evaluation.dice}}},
          {"method_options", p.method_options}};
}

Preset load_preset(const std::string& name_or_path, const std::vector<std::string>& overrides) {
  const fs::path file = preset_file(name_or_path);
  nlohmann::json json = load_chain(file, {});
  for (const std::string& text : overrides) apply_override(json, text);
  return read_preset(JsonReader(json, file.filename().string()));
}

}  // namespace totum
