#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.h"
#include "cli/report_arguments.h"
#include "core/json_reader.h"
#include "reports/verify.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

// OUT/report/PRESET/report.json belongs to OUT/runs/PRESET.
fs::path runs_beside(const fs::path& report_json) {
  const fs::path folder = fs::absolute(report_json).parent_path();
  return folder.parent_path().parent_path() / "runs" / folder.filename();
}

// Where the files lie that a report was made from, if not said: beside it for scores of other programs.
fs::path default_runs(const fs::path& report_json) {
  if (!fs::exists(report_json)) return {};  // verify_report says so
  const auto report = read_json_file(report_json);
  const auto provenance = report.value("provenance", nlohmann::json::object());
  return provenance.value("source", "") == "scores" ? fs::absolute(report_json).parent_path()
                                                    : runs_beside(report_json);
}

void print(const std::vector<VerifiedLink>& links, bool as_json) {
  if (!as_json) {
    for (const VerifiedLink& link : links) {
      const bool is_plain = link.state == LinkState::holds;
      fmt::print("{:<9} {}{}{}\n", to_string(link.state), link.name, is_plain ? "" : ": ",
                 is_plain ? "" : link.detail);
    }
    return;
  }
  nlohmann::json list = nlohmann::json::array();
  for (const VerifiedLink& link : links) {
    list.push_back({{"name", link.name}, {"state", to_string(link.state)}, {"detail", link.detail}});
  }
  fmt::print("{}\n", list.dump(2));
}

}  // namespace

void add_verify_command(CLI::App& app, int& exit_status) {
  struct Arguments {
    std::string report, runs, data;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  auto* command = app.add_subcommand(
      "verify", "Recompute every number of a report from what is stored; name the first broken link");
  command->add_option("REPORT", arguments->report, "report.json, or the folder that holds it")->required();
  command->add_option("--runs", arguments->runs,
                      "Folder of the runs (default: OUT/runs/PRESET beside OUT/report/PRESET)");
  command->add_option(
      "--data", arguments->data,
      "Dataset that the runs were made from: checks its hash and scores the stored label maps again");
  command->add_flag("--json", arguments->json, "Print JSON");
  command->callback([arguments, &exit_status] {
    fs::path report = arguments->report;
    if (fs::is_directory(report)) report /= "report.json";
    const fs::path runs = arguments->runs.empty() ? default_runs(report) : fs::path(arguments->runs);
    const auto links = verify_report({report, runs, arguments->data}, published_numbers());
    print(links, arguments->json);
    const auto earlier = std::count_if(links.begin(), links.end(), [](const VerifiedLink& link) {
      return link.state == LinkState::changed_rule;
    });
    if (earlier > 0) {
      fmt::print(
          stderr,
          "totum: {} link(s) can't be computed again, since rules changed after the report was made (see "
          "\"rule\" above); every hash is checked. `totum report` makes a new report of the same runs.\n",
          earlier);
    }
    if (links.empty() || links.back().state == LinkState::broken) {
      if (!links.empty())
        fmt::print(stderr, "totum: the chain breaks at {}: {}\n", links.back().name, links.back().detail);
      exit_status = 1;
    }
  });
}

}  // namespace totum
