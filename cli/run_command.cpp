#include <fmt/format.h>

#include <memory>
#include <string>

#include "cli/commands.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/progress.h"
#include "experiments/run_worker.h"

namespace totum {

void add_run_command(CLI::App& app, int&) {
  auto* command = app.add_subcommand(
      "run", "Train and evaluate one planned run (what executors call); continues where it stopped");
  auto folder = std::make_shared<std::string>();
  command->add_option("RUN_DIR", *folder, "The run's folder, with run.json")->required();
  command->callback([folder] {
    install_interrupt_handler();
    const RunFolder run{*folder};
    const auto progress = make_console_progress();
    work_on_run(run, *progress);
    fmt::print("{}\n", run.scores().string());
  });
}

}  // namespace totum
