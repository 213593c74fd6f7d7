#include <fmt/format.h>

#include <memory>
#include <string>

#include "cli/commands.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "data/phantom/phantom.h"
#include "data/phantom/quality_checks.h"

namespace totum {

namespace {

struct PhantomArguments {
  std::string out, preset, size, split;
  std::uint64_t seed = PhantomConfig{}.seed;
  int threads = 0;
  std::string checked;
};

// --preset gives size and split, --size alone the split that belongs to it; each option given overrides.
PhantomConfig config_of(const PhantomArguments& arguments) {
  PhantomConfig config;
  if (!arguments.preset.empty() || arguments.split.empty()) {
    const std::string& name = arguments.preset.empty() ? arguments.size : arguments.preset;
    config = phantom_config(name.empty() ? "smoke" : name);
  }
  if (!arguments.size.empty()) config.size = arguments.size;
  if (!arguments.split.empty()) config.split = arguments.split;
  config.seed = arguments.seed;
  config.threads = arguments.threads;
  return config;
}

void write_dataset(const PhantomArguments& arguments) {
  if (arguments.out.empty()) throw ConfigError("--out is missing; name the folder to write the dataset to");
  const PhantomConfig config = config_of(arguments);
  const auto progress = make_console_progress();
  write_phantom_dataset(config, arguments.out, *progress);
  fmt::print("{}\n", arguments.out);
}

}  // namespace

void add_phantom_command(CLI::App& app, int& exit_status) {
  auto* command = app.add_subcommand("phantom", "Write a synthetic dataset in AMOS22's form");
  auto arguments = std::make_shared<PhantomArguments>();
  command->add_option("--out", arguments->out, "Folder for the dataset");
  command->add_option("--preset", arguments->preset,
                      "tiny, smoke (default), quick, phantom or full: size and split");
  command->add_option("--size", arguments->size, "tiny, smoke, prototype, medium or full: the grids");
  command->add_option("--split", arguments->split, "CSV with the cases to make (ids and modalities)");
  command->add_option("--seed", arguments->seed, "Another seed makes other subjects")->capture_default_str();
  command->add_option("--threads", arguments->threads, "0 = all cores")->capture_default_str();
  auto* check = command->add_subcommand("check", "Measure a phantom against the limits it was designed for");
  check->add_option("dataset", arguments->checked, "The phantom's folder")->required();
  command->callback([arguments, check, &exit_status] {
    install_interrupt_handler();
    if (!check->parsed()) {
      write_dataset(*arguments);
      return;
    }
    const auto checks = check_phantom(arguments->checked, arguments->threads);
    fmt::print("{}", to_table(checks));
    if (!all_passed(checks)) exit_status = 1;
  });
}

}  // namespace totum
