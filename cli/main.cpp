// The program `totum`: registers the commands, runs the one that was asked for, and turns errors into exit
// statuses.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <exception>
#include <string>

#include "cli/commands.h"
#include "core/error.h"
#include "core/json_reader.h"
#include "core/log.h"

namespace totum {
namespace {

constexpr int kUsage = 2;

// What is wrong with the command line; names the nearest command where the first word is none.
std::string usage_error(const CLI::App& app, const CLI::ParseError& error, const std::string& first_word) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  if (first_word.empty() || first_word.starts_with('-') ||
      std::find(names.begin(), names.end(), first_word) != names.end()) {
    return error.what();
  }
  const std::string nearest = nearest_name(first_word, names);
  return fmt::format("unknown command \"{}\"; {}", first_word,
                     nearest.empty() ? fmt::format("there are {}", fmt::join(names, ", "))
                                     : fmt::format("did you mean \"{}\"?", nearest));
}

int run_program(int argc, char** argv) {
  CLI::App app{"totum: one network for all organs from partially labelled datasets, compared and tested"};
  std::string log_level = "info";
  app.add_option("--log-level", log_level, "What is logged to stderr")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.parse_complete_callback([&] { configure_logging(log_level); });
  app.require_subcommand(1);
  app.fallthrough();
  int exit_status = 0;
  add_reproduce_command(app, exit_status);
  add_phantom_command(app, exit_status);
  add_prepare_command(app, exit_status);
  add_atlas_command(app, exit_status);
  add_run_command(app, exit_status);
  add_predict_command(app, exit_status);
  add_evaluate_command(app, exit_status);
  add_compare_command(app, exit_status);
  add_report_command(app, exit_status);
  add_verify_command(app, exit_status);
  add_methods_command(app, exit_status);
  add_new_baseline_command(app, exit_status);
  add_doctor_command(app, exit_status);
  add_version_command(app, exit_status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    fmt::print(stderr, "{}", app.help());
    return 0;
  } catch (const CLI::CallForAllHelp& help) {
    fmt::print(stderr, "{}", app.help("", CLI::AppFormatMode::All));
    return 0;
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "totum: {}\nRun `totum --help` or `totum COMMAND --help`.\n",
               usage_error(app, error, argc > 1 ? argv[1] : ""));
    return kUsage;
  }
  return exit_status;
}

}  // namespace
}  // namespace totum

int main(int argc, char** argv) {
  totum::configure_logging("info");
  try {
    return totum::run_program(argc, argv);
  } catch (const totum::Error& error) {
    fmt::print(stderr, "totum: {}\n", error.what());
    return error.exit_status();
  } catch (const std::exception& error) {
    fmt::print(stderr, "totum: unexpected error: {}\n", error.what());
    return 1;
  }
}
