#include <fmt/format.h>

#include <memory>
#include <string>

#include "cli/commands.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "experiments/prepare_preset.h"

namespace totum {

void add_prepare_command(CLI::App& app, int&) {
  auto* command = app.add_subcommand("prepare", "Preprocess a dataset and make its atlas, nothing else");
  auto request = std::make_shared<PrepareRequest>();
  auto preset = std::make_shared<std::string>("amos22-paper");
  auto overrides = std::make_shared<std::vector<std::string>>();
  command->add_option("--data", request->data, "The dataset, in AMOS22's form");
  command->add_option("--preset", *preset, "Name or file of a preset")->capture_default_str();
  command->add_option("--cache", request->cache, "Where the preprocessed cases go")->required();
  command->add_option("--set", *overrides, "Override one value of the preset: path=value")
      ->allow_extra_args(false);
  command->add_flag("--allow-missing", request->allow_missing, "Go on without cases that the dataset lacks");
  command->add_option("--threads", request->threads, "Cases at once; 0: all cores")->capture_default_str();
  command->callback([request, preset, overrides] {
    install_interrupt_handler();
    request->preset = load_preset(*preset, *overrides);
    const auto progress = make_console_progress();
    const PrepareSummary summary = prepare_for_preset(*request, *progress);
    fmt::print(
        "cases {}\nmean size of training images {:.1f} x {:.1f} x {:.1f} (z,y,x)\natlas {} x {} x {}\n",
        summary.cases, summary.mean_shape[0], summary.mean_shape[1], summary.mean_shape[2],
        summary.atlas_shape[0], summary.atlas_shape[1], summary.atlas_shape[2]);
    if (!summary.remark.empty()) fmt::print("{}\n", summary.remark);
  });
}

}  // namespace totum
