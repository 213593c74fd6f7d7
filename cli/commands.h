#pragma once
// One function for each command: registers a subcommand that parses, calls and prints. Results go to stdout,
// help and progress to stderr. A command that did its work but has to report a failure sets `exit_status`;
// mistakes throw.

#include <CLI/CLI.hpp>

namespace totum {

void add_reproduce_command(CLI::App& app, int& exit_status);
void add_phantom_command(CLI::App& app, int& exit_status);  // `phantom` and `phantom check`
void add_prepare_command(CLI::App& app, int& exit_status);
void add_atlas_command(CLI::App& app, int& exit_status);
void add_run_command(CLI::App& app, int& exit_status);
void add_predict_command(CLI::App& app, int& exit_status);
void add_evaluate_command(CLI::App& app, int& exit_status);
void add_compare_command(CLI::App& app, int& exit_status);
void add_report_command(CLI::App& app, int& exit_status);
void add_verify_command(CLI::App& app, int& exit_status);
void add_methods_command(CLI::App& app, int& exit_status);
void add_new_baseline_command(CLI::App& app, int& exit_status);
void add_doctor_command(CLI::App& app, int& exit_status);
void add_version_command(CLI::App& app, int& exit_status);

}  // namespace totum
