#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.h"
#include "core/log.h"
#include "core/progress.h"
#include "experiments/prepare_preset.h"

namespace totum {

namespace {

struct AtlasArguments {
  PrepareRequest request;
  std::string preset = "smoke";
  std::vector<std::string> overrides;
  std::filesystem::path out;
  bool as_json = false;
};

nlohmann::json or_null(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

void print_json(const AtlasExport& done) {
  nlohmann::json organs = nlohmann::json::array();
  for (const AtlasOrgan& o : done.organs) {
    organs.push_back({{"organ", o.organ},
                      {"name", organ_name(o.organ)},
                      {"cases", o.cases},
                      {"volume_ml", o.volume_ml},
                      {"largest", o.largest},
                      {"entropy_bits", or_null(o.entropy_bits)}});
  }
  nlohmann::json files = nlohmann::json::array();
  for (const auto& file : done.files) files.push_back(file.string());
  const nlohmann::json all{{"shape", done.shape},
                           {"organs", organs},
                           {"mean_entropy_bits", or_null(done.mean_entropy_bits)},
                           {"warning", done.warning},
                           {"files", files}};
  fmt::print("{}\n", all.dump(2));
}

std::string bits_text(const std::optional<double>& bits) { return bits ? fmt::format("{:.3f}", *bits) : "-"; }

void print_table(const AtlasExport& done) {
  fmt::print("atlas {} x {} x {} (z,y,x)\n{:<22}{:>6}{:>12}{:>10}{:>14}\n", done.shape[0], done.shape[1],
             done.shape[2], "organ", "cases", "volume ml", "largest", "entropy bits");
  for (const AtlasOrgan& o : done.organs) {
    fmt::print("{:<22}{:>6}{:>12.1f}{:>10.3f}{:>14}\n", organ_name(o.organ), o.cases, o.volume_ml, o.largest,
               bits_text(o.entropy_bits));
  }
  fmt::print("{:<22}{:>42}\n", "mean over organs", bits_text(done.mean_entropy_bits));
  for (const auto& file : done.files) fmt::print("{}\n", file.string());
}

}  // namespace

void add_atlas_command(CLI::App& app, int&) {
  auto* command =
      app.add_subcommand("atlas", "Make a preset's atlas and write it as NIfTI files and a PNG sheet");
  auto a = std::make_shared<AtlasArguments>();
  command->add_option("--preset", a->preset, "Name or file of a preset")->capture_default_str();
  command->add_option("--data", a->request.data,
                      "Dataset in AMOS22's form (the phantom presets make their own)");
  command->add_option("--out", a->out, "Folder for the files")->required();
  command->add_option("--cache", a->request.cache, "Where preprocessed cases are kept (default: OUT/cache)");
  command->add_option("--set", a->overrides, "Override one value of the preset: path=value")
      ->allow_extra_args(false);
  command->add_flag("--allow-missing", a->request.allow_missing,
                    "Go on without cases that the dataset lacks");
  command->add_option("--threads", a->request.threads, "Cases at once; 0: all cores")->capture_default_str();
  command->add_flag("--json", a->as_json, "Print the figures as JSON");
  command->callback([a] {
    a->request.preset = load_preset(a->preset, a->overrides);
    const auto progress = make_console_progress();
    const AtlasExport done = export_atlas(a->request, a->out, *progress);
    if (!done.warning.empty()) log_warning(done.warning);
    if (a->as_json) {
      print_json(done);
    } else {
      print_table(done);
    }
  });
}

}  // namespace totum
