#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/report_arguments.h"
#include "core/error.h"
#include "core/log.h"
#include "experiments/declarations.h"
#include "reports/declaration.h"
#include "reports/overlays.h"
#include "reports/render.h"
#include "reports/report.h"

namespace totum {

namespace {

// The tables of this report join the list of declarations, where the runs' folder can be written.
void keep(const std::filesystem::path& runs, const ReportInput& input) {
  RunCount count;
  for (const ReportRun& run : input.runs) {
    count.all += run.record.is_null() ? 0 : 1;
    count.done += run.scores ? 1 : 0;
  }
  std::vector<Declaration> declared;
  for (const TableSpec& table : input.tables) declared.push_back({table.name, declaration_sha256(table)});
  try {
    keep_declarations(runs, declared, count);
  } catch (const Error& error) {  // a folder that can only be read still gives a report
    log_warning(fmt::format("declarations.jsonl is not kept: {}", error.what()));
  }
}

}  // namespace

void add_report_command(CLI::App& app, int& exit_status) {
  struct Arguments {
    std::string runs, out;
    std::vector<std::string> tables;
  };
  auto arguments = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("report", "Make the report of stored runs (OUT/runs/PRESET)");
  command->add_option("RUNS", arguments->runs, "Folder with the runs, one folder for each method")
      ->required();
  command->add_option("--out", arguments->out, "Folder for report.json, report.html, report.md, tables/")
      ->required();
  command->add_option("--tables", arguments->tables, "Tables to make (default: table1,table2)")
      ->delimiter(',');
  command->callback([arguments, &exit_status] {
    const auto tables = read_tables(arguments->tables);
    keep(arguments->runs, read_runs(arguments->runs, tables));
    const ReportInput input = read_runs(arguments->runs, tables);
    auto report = make_report(input, published_numbers(), {});
    add_overlay_pictures(report, arguments->runs);
    write_report(arguments->out, report);
    fmt::print("{}\n\n", report.at("size").get<std::string>());
    for (const auto& table : report.at("tables")) fmt::print("{}\n", render_text_table(table));
    fmt::print("{}\n", (std::filesystem::path(arguments->out) / "report.html").string());
    for (const auto& failure : report.at("failures")) {
      fmt::print(stderr, "totum: {}: {}\n", failure.at("folder").get<std::string>(),
                 failure.at("reason").get<std::string>());
      exit_status = 1;
    }
  });
}

}  // namespace totum
