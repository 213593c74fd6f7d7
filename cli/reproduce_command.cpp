#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/report_arguments.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/progress.h"
#include "experiments/devices.h"
#include "experiments/reproduce.h"
#include "reports/declaration.h"
#include "reports/overlays.h"
#include "reports/render.h"
#include "reports/report.h"
#include "reports/rules.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string preset = "smoke", data, out = "results", executor = "local", device = "auto";
  std::vector<std::string> tables, methods, overrides;
  std::int64_t seeds = 0, jobs = 0;
  bool allow_missing = false, as_json = false, plan_only = false;
};

// Entries of all tables, each id once; the same id must mean the same in every table.
std::vector<PlannedMethod> planned_methods(const std::vector<TableSpec>& tables,
                                           const std::vector<std::string>& chosen) {
  std::vector<PlannedMethod> methods;
  std::vector<std::string> known;
  for (const TableSpec& table : tables) {
    for (const TableEntry& entry : table.entries) {
      const auto same = std::find_if(methods.begin(), methods.end(),
                                     [&](const PlannedMethod& m) { return m.id == entry.id; });
      if (same == methods.end()) {
        methods.push_back({entry.id, entry.method, entry.label, entry.options});
        known.push_back(entry.id);
      } else if (same->method != entry.method || same->options != entry.options) {
        throw ConfigError(fmt::format("{}: entry \"{}\" means something else than in an earlier table",
                                      table.name, entry.id));
      }
    }
  }
  for (const std::string& name : chosen) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string nearest = nearest_name(name, known);
    throw ConfigError(fmt::format("--methods: no entry \"{}\" in these tables; {}", name,
                                  nearest.empty() ? fmt::format("there are {}", fmt::join(known, ", "))
                                                  : fmt::format("did you mean \"{}\"?", nearest)));
  }
  if (!chosen.empty()) {
    std::erase_if(methods, [&](const PlannedMethod& m) {
      return std::find(chosen.begin(), chosen.end(), m.id) == chosen.end();
    });
  }
  return methods;
}

// A table reads scores that the preset makes.
void check_tables(const std::vector<TableSpec>& tables, const EvaluationConfig& made) {
  const auto check = [](const TableSpec& table, const char* what, const std::string& wanted,
                        const std::vector<std::string>& all) {
    if (std::find(all.begin(), all.end(), wanted) != all.end()) return;
    throw ConfigError(fmt::format("table {} needs the {} \"{}\", and the preset's evaluation makes only: {}",
                                  table.name, what, wanted, fmt::join(all, ", ")));
  };
  for (const TableSpec& table : tables) {
    if (table.metric != "dice")
      check(table, "metric", table.metric, made.metrics);  // "dice": the preset's Dice
    check(table, "grid", table.grid, made.grids);
  }
}

std::vector<std::uint64_t> first_seeds(std::int64_t count) {
  std::vector<std::uint64_t> seeds;
  for (std::int64_t seed = 0; seed < count; ++seed) seeds.push_back(static_cast<std::uint64_t>(seed));
  return seeds;
}

// The tables without entries that were not asked for; a table whose reference is left out compares with its
// first entry.
std::vector<TableSpec> restricted(std::vector<TableSpec> tables, const std::vector<PlannedMethod>& methods) {
  const auto planned = [&](const std::string& id) {
    return std::any_of(methods.begin(), methods.end(), [&](const PlannedMethod& m) { return m.id == id; });
  };
  for (TableSpec& table : tables) {
    std::erase_if(table.entries, [&](const TableEntry& entry) { return !planned(entry.id); });
    if (!table.entries.empty() && !planned(table.tests.reference)) {
      auto reference = std::find_if(table.entries.begin(), table.entries.end(),
                                    [](const TableEntry& e) { return e.compared.value_or(true); });
      if (reference == table.entries.end()) reference = table.entries.begin();
      log_warning(fmt::format("{}: its reference {} is not among --methods; comparing with {}", table.name,
                              table.tests.reference, reference->id));
      table.tests.reference = reference->id;
      reference->compared.reset();  // the one that the others are compared with
    }
  }
  std::erase_if(tables, [](const TableSpec& table) { return table.entries.empty(); });
  return tables;
}

int report(const ReproduceResult& result, const std::vector<TableSpec>& tables, const fs::path& folder,
           bool as_json) {
  auto report = make_report(read_runs(result.runs, tables), published_numbers(), {});
  add_overlay_pictures(report, result.runs);
  write_report(folder, report);
  if (as_json) {
    fmt::print("{}\n", report.dump(2));
  } else {
    fmt::print("{}\n\n", report.at("size").get<std::string>());
    for (const auto& table : report.at("tables")) {
      fmt::print("{}\n", render_text_table(table));
      for (const auto& test : table.at("tests").at("results"))
        fmt::print("{}\n", test.at("sentence").get<std::string>());
      fmt::print("\n");
    }
    fmt::print("report: {}\n", (folder / "report.html").string());
  }
  int failed = 0;
  for (const RunOutcome& outcome : result.outcomes) {
    if (outcome.state == RunState::done) continue;
    ++failed;
    fmt::print(stderr, "totum: {}: {}\n", outcome.name, outcome.error);
  }
  return failed > 0 ? 1 : 0;
}

// The tables as a report of these runs will have them: "dice" is the preset's Dice.
std::vector<Declaration> declared(std::vector<TableSpec> tables, const std::string& dice) {
  std::vector<Declaration> list;
  for (TableSpec& table : tables) {
    if (table.metric == "dice") table.metric = dice;
    list.push_back({table.name, declaration_sha256(table)});
  }
  return list;
}

// What --plan prints; status 1 if something is missing.
int print_plan(const PlanOverview& plan) {
  fmt::print("dataset {}{}\ncases of the split {}, missing {}\npatches of each run {}\n", plan.data.string(),
             plan.data_exists ? "" : " (a phantom; not made yet)", plan.cases, plan.missing_cases.size(),
             plan.patches);
  if (!plan.missing_cases.empty()) fmt::print("missing cases: {}\n", fmt::join(plan.missing_cases, ", "));
  for (const RunOutcome& run : plan.runs) fmt::print("run {:<32} {}\n", run.name, to_string(run.state));
  return plan.ready() ? 0 : 1;
}

}  // namespace

void add_reproduce_command(CLI::App& app, int& exit_status) {
  auto a = std::make_shared<Arguments>();
  auto* command = app.add_subcommand(
      "reproduce", "Train, score and compare the methods of the tables; continues where it stopped");
  command
      ->add_option("--preset", a->preset,
                   "smoke, quick, phantom, amos22-paper, amos22-published-code, or a file")
      ->capture_default_str();
  command->add_option("--data", a->data, "Dataset in AMOS22's form (the phantom presets make their own)");
  command->add_option("--out", a->out, "Folder of everything that is made")->capture_default_str();
  command->add_option("--tables", a->tables, "Tables to make (default: table1,table2)")->delimiter(',');
  command->add_option("--methods", a->methods, "Only these entries of the tables")->delimiter(',');
  command->add_option("--seeds", a->seeds, "Trainings of each method (default: the preset's)")
      ->check(CLI::Range(1, 1000));
  command->add_option("--jobs", a->jobs, "Runs at once (default: as many as fit)")
      ->check(CLI::Range(1, 1024));
  command->add_option("--executor", a->executor, "Who starts the runs")
      ->check(CLI::IsMember({"local", "slurm"}))
      ->capture_default_str();
  command->add_option("--device", a->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  command->add_option("--set", a->overrides, "Override one value of the preset: path=value")
      ->allow_extra_args(false);
  command->add_flag("--allow-missing", a->allow_missing, "Go on without cases that the dataset lacks");
  command->add_flag("--plan", a->plan_only, "Check preset, split and dataset, list the runs, and stop");
  command->add_flag("--json", a->as_json, "Print report.json");
  command->callback([a, &exit_status] {
    install_interrupt_handler();
    ReproduceRequest request;
    request.preset = load_preset(a->preset, a->overrides);
    if (a->seeds > 0) request.preset.seeds = first_seeds(a->seeds);
    const auto all_tables = read_tables(a->tables);
    request.methods = planned_methods(all_tables, a->methods);
    const auto tables = restricted(all_tables, request.methods);
    check_tables(tables, request.preset.evaluation);
    request.declared = declared(tables, request.preset.evaluation.dice);
    request.rules = current_rules();
    request.out = a->out;
    request.data = a->data;
    request.allow_missing = a->allow_missing;
    request.device = choose_device(a->device, a->executor == "slurm");
    request.executor = a->executor;
    request.jobs = a->jobs;
    request.program = fs::read_symlink("/proc/self/exe");
    if (a->plan_only) {
      exit_status = print_plan(overview(request));
      return;
    }
    const auto progress = make_console_progress();
    const ReproduceResult result = reproduce(request, *progress);
    exit_status = report(result, tables, fs::path(a->out) / "report" / request.preset.name, a->as_json);
  });
}

}  // namespace totum
