#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.h"
#include "experiments/environment.h"

namespace totum {

namespace {

void print_text(const std::vector<HealthCheck>& checks) {
  for (const HealthCheck& check : checks) {
    fmt::print("{:<6} {:<22} {}\n", check.passed ? "ok" : "FAILED", check.name, check.detail);
  }
}

void print_json(const std::vector<HealthCheck>& checks) {
  nlohmann::json list = nlohmann::json::array();
  for (const HealthCheck& check : checks) {
    list.push_back({{"name", check.name}, {"passed", check.passed}, {"detail", check.detail}});
  }
  fmt::print("{}\n", list.dump(2));
}

}  // namespace

void add_doctor_command(CLI::App& app, int& exit_status) {
  auto* command =
      app.add_subcommand("doctor", "Check that this machine computes rightly and has what totum needs");
  auto* as_json = command->add_flag("--json")->description("Print JSON");
  auto folder = std::make_shared<std::string>(".");
  command->add_option("--out", *folder, "The folder where results will be written")->capture_default_str();
  command->callback([&exit_status, as_json, folder] {
    const auto checks = run_health_checks(*folder);
    as_json->count() > 0 ? print_json(checks) : print_text(checks);
    for (const HealthCheck& check : checks) {
      if (!check.passed) exit_status = 1;
    }
  });
}

}  // namespace totum
