#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "cli/commands.h"
#include "cli/report_arguments.h"
#include "core/error.h"
#include "evaluation/metric.h"
#include "evaluation/score_checks.h"
#include "reports/render.h"
#include "reports/report.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::vector<std::string> scores;
  std::string out, reference, metric = "dice", grid = "native", correction = "holm", pairs = "patient",
                              post_hoc = "wilcoxon-holm";
  std::optional<double> margin;
  bool intersect = false;
};

// A name as an id: letters, digits, '_' and '-' stay, anything else becomes '_'.
std::string id_of(const std::string& name) {
  std::string id = name;
  for (char& c : id) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (!is_plain) c = '_';
  }
  return id;
}

struct NamedFile {
  std::string name;
  fs::path file;
};

NamedFile parse_scores_argument(const std::string& argument) {
  const auto equals = argument.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == argument.size()) {
    throw ConfigError(fmt::format("\"{}\" is not of the form NAME=SCORES.csv", argument));
  }
  return {argument.substr(0, equals), argument.substr(equals + 1)};
}

// The four cells of Table 1, less those without a score.
std::vector<TableCell> cells_with_scores(const std::vector<ReportRun>& runs, const Arguments& arguments) {
  std::vector<TableCell> cells;
  for (const Modality modality : {Modality::ct, Modality::mr}) {
    for (const Relation relation : {Relation::intra, Relation::cross}) {
      const bool any = std::any_of(runs.begin(), runs.end(), [&](const ReportRun& run) {
        return std::any_of(run.scores->begin(), run.scores->end(), [&](const Score& s) {
          return s.modality == modality && s.relation == relation && s.metric == arguments.metric &&
                 s.grid == arguments.grid && s.value;
        });
      });
      if (!any) continue;
      const std::string relation_name = relation == Relation::intra ? "intra" : "cross";
      TableCell cell;
      cell.id = fmt::format("{}_{}", to_string(modality), relation_name);
      cell.label = fmt::format("{}, {}-modal", modality == Modality::ct ? "CT" : "MR", relation_name);
      cell.test_modality = modality;
      cell.relation = relation;
      cells.push_back(cell);
    }
  }
  return cells;
}

// The metrics and grids of all files.
std::string choices_of(const std::vector<ReportRun>& runs) {
  std::vector<Score> scores;
  for (const ReportRun& run : runs) scores.insert(scores.end(), run.scores->begin(), run.scores->end());
  return choices_text(scores);
}

TableSpec make_table(const std::vector<NamedFile>& files, const std::vector<ReportRun>& runs,
                     const Arguments& arguments) {
  TableSpec table;
  table.name = "comparison";
  table.title = "Comparison of given scores";
  table.metric = arguments.metric;
  table.grid = arguments.grid;
  table.cells = cells_with_scores(runs, arguments);
  if (table.cells.empty()) {
    throw DataError(
        fmt::format(
            "no file holds a score of metric \"{}\" on grid \"{}\"; they hold {}. Choose with --metric "
            "and --grid, and call a metric as totum does ({})",
            arguments.metric, arguments.grid, choices_of(runs), fmt::join(metric_ids(), ", ")),
        true);
  }
  std::set<std::string> ids;
  for (const NamedFile& file : files) {
    if (!ids.insert(id_of(file.name)).second)
      throw ConfigError(
          fmt::format("the name \"{}\" stands twice; seeds of one method go into one file, each "
                      "with its own value in the column run",
                      file.name));
    table.entries.push_back({id_of(file.name), "given", file.name, "", nlohmann::json::object()});
  }
  table.tests.reference = id_of(arguments.reference.empty() ? files.front().name : arguments.reference);
  if (!ids.contains(table.tests.reference)) {
    throw ConfigError(fmt::format("--reference \"{}\" is none of the given names", arguments.reference));
  }
  table.tests.correction = arguments.correction;
  table.tests.pairs = arguments.pairs;
  table.tests.post_hoc = arguments.post_hoc;
  table.tests.equivalence_margin = arguments.margin.value_or(default_equivalence_margin(arguments.metric));
  return table;
}

ReportInput read_input(const Arguments& arguments) {
  std::vector<NamedFile> files;
  for (const std::string& argument : arguments.scores) files.push_back(parse_scores_argument(argument));
  ReportInput input;
  for (const NamedFile& file : files) {
    const std::string shown =
        fs::absolute(file.file).lexically_relative(fs::absolute(arguments.out)).string();
    const auto runs = read_named_scores(id_of(file.name), file.file, shown);
    input.runs.insert(input.runs.end(), runs.begin(), runs.end());
  }
  input.tables = {make_table(files, input.runs, arguments)};
  input.intersect = arguments.intersect;
  return input;
}

}  // namespace

void add_compare_command(CLI::App& app, int&) {
  auto a = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("compare", "Statistics and report for any programs' scores");
  command->add_option("SCORES", a->scores, "NAME=SCORES.csv, two or more")->required()->expected(2, -1);
  command->add_option("--out", a->out, "Folder for the report")->required();
  command->add_option("--reference", a->reference,
                      "Name that the others are compared with (default: the first)");
  command->add_option("--metric", a->metric, "Metric to compare")
      ->check(CLI::IsMember(metric_ids()))
      ->capture_default_str();
  command->add_option("--grid", a->grid, "Grid of the scores")
      ->check(CLI::IsMember({"native", "network"}))
      ->capture_default_str();
  command->add_option("--correction", a->correction, "Correction")
      ->check(CLI::IsMember({"holm", "hochberg", "benjamini-hochberg"}))
      ->capture_default_str();
  command->add_option("--pairs", a->pairs, "What a pair is")
      ->check(CLI::IsMember({"patient", "pooled"}))
      ->capture_default_str();
  command
      ->add_option("--margin", a->margin,
                   "Difference of means, in the metric's unit (Dice 0.01 is one point), within which two "
                   "methods are called equivalent (default: the metric's own)")
      ->check(CLI::PositiveNumber);
  command->add_option("--post-hoc", a->post_hoc, "Groups of methods that the rankings show")
      ->check(CLI::IsMember({"wilcoxon-holm", "nemenyi"}))
      ->capture_default_str();
  command->add_flag("--intersect", a->intersect, "Compare on common cases where the cases differ");
  command->callback([a] {
    const auto report = make_report(read_input(*a), published_numbers(), {});
    write_report(a->out, report);
    const auto& table = report.at("tables")[0];
    fmt::print("{}\n", render_text_table(table));
    for (const auto& caveat : report.at("caveats")) fmt::print("{}\n", caveat.get<std::string>());
    for (const auto& test : table.at("tests").at("results"))
      fmt::print("{}\n", test.at("sentence").get<std::string>());
    fmt::print("{}\n", (fs::path(a->out) / "report.html").string());
  });
}

}  // namespace totum
