#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "evaluation/cell_summary.h"
#include "evaluation/evaluate_folder.h"
#include "evaluation/surface_distance.h"
#include "experiments/resources.h"

namespace totum {

namespace {

using nlohmann::json;

struct Arguments {
  std::string labels, predictions, split, out, name = "predictions", label_map, reference_label_map,
                                               policy = "default";
  std::vector<std::string> metrics = metric_ids();
  bool allow_missing = false, as_json = false;

  [[nodiscard]] std::filesystem::path scores() const { return std::filesystem::path(out) / "scores.csv"; }
};

// null for fewer than two patients
json interval_json(const std::optional<Interval>& interval) {
  return interval ? json::array({interval->low, interval->high}) : json();
}

// Dice of the cells that have a score.
json cells_of(const FolderScores& result) {
  json cells = json::array();
  for (const Modality modality : {Modality::ct, Modality::mr}) {
    for (const Relation relation : {Relation::intra, Relation::cross}) {
      const CellFilter filter{modality, relation, "dice", "native"};
      const auto summary = summarise_cell(patients_of_cell(result.scores, filter), 10000, 0, 1);
      if (!summary) continue;
      cells.push_back({{"modality", to_string(modality)},
                       {"relation", relation == Relation::intra ? "intra" : "cross"},
                       {"patients", summary->patients},
                       {"mean_over_organs", summary->mean_over_organs},
                       {"ci95", interval_json(summary->leading_over_organs)},
                       {"t95", interval_json(summary->t_over_organs)},
                       {"bca95", interval_json(summary->bca_over_organs)},
                       {"hallucinations", hallucinations(result.scores, filter)}});
    }
  }
  return cells;
}

void print_text(const json& summary) {
  for (const json& cell : summary.at("cells")) {
    const json& ci = cell.at("ci95");
    const std::int64_t patients = cell.at("patients");
    const std::string interval = ci.is_null() ? "no interval"
                                              : fmt::format("95 % interval {:.4f} to {:.4f}",
                                                            ci[0].get<double>(), ci[1].get<double>());
    fmt::print("{} {}-modal: Dice {:.4f} (mean over organs; {}), {} {}\n",
               cell.at("modality").get<std::string>(), cell.at("relation").get<std::string>(),
               cell.at("mean_over_organs").get<double>(), interval, patients,
               patients == 1 ? "patient" : "patients");
  }
  fmt::print("{}\n", summary.at("scores").get<std::string>());
}

FolderOptions folder_options(const Arguments& a) {
  FolderOptions options;
  options.run = a.name;
  options.metrics = a.metrics;
  options.policy = *parse_empty_policy(a.policy);
  options.threads = available_cores();
  if (!a.label_map.empty()) options.label_ids = read_label_ids(a.label_map);
  if (!a.reference_label_map.empty()) options.reference_ids = read_label_ids(a.reference_label_map);
  return options;
}

std::vector<std::string> policy_names() {
  std::vector<std::string> names;
  for (const EmptyPolicy policy : all_empty_policies()) names.emplace_back(to_string(policy));
  return names;
}

// The same predictions under every policy, one line for each metric and policy.
void write_conventions(const Arguments& a, const ConventionMatrix& matrix) {
  std::string text = "metric,policy,mean_over_organs,values,not_scored\n";
  for (const ConventionCell& cell : matrix.cells) {
    text += fmt::format("{},{},{},{},{}\n", cell.metric, to_string(cell.policy),
                        cell.mean ? fmt::format("{:.17g}", *cell.mean) : "", cell.values, cell.not_scored);
  }
  write_file_atomically(std::filesystem::path(a.out) / "conventions.csv", text);
}

// null where the labels are class indices already
json label_map_json(const std::string& path) {
  if (path.empty()) return nullptr;
  json map = json::object();
  for (const auto& [label, organ] : read_label_ids(path)) map[std::to_string(label)] = organ_name(organ);
  return map;
}

// How the scores were taken.
void write_record(const Arguments& a, const FolderScores& result) {
  json metrics = json::array();
  for (const std::string& id : a.metrics) {
    const MetricDescription& metric = *find_metric(id);
    metrics.push_back({{"id", id},
                       {"formula", metric.formula},
                       {"unit", metric.unit},
                       {"version", metric.version},
                       {"higher_is_better", metric.higher_is_better}});
  }
  const json record{{"name", a.name},
                    {"policy", a.policy},
                    {"label_map", label_map_json(a.label_map)},
                    {"reference_label_map", label_map_json(a.reference_label_map)},
                    {"metrics", metrics},
                    {"nsd_tolerances_mm", nsd_tolerances_mm()},
                    {"cases", result.cases},
                    {"missing", result.missing},
                    {"without_reference", result.without_reference},
                    {"organs_without_reference", result.absent_organs}};
  write_file_atomically(std::filesystem::path(a.out) / "evaluation.json", record.dump(2) + "\n");
}

std::string missing_text(const FolderScores& result) {
  const std::int64_t all = static_cast<std::int64_t>(result.missing.size()) + result.cases;
  std::string text = fmt::format("no prediction for {} of {} case{}: {}", result.missing.size(), all,
                                 all == 1 ? "" : "s", fmt::join(result.missing, ", "));
  for (const auto& [case_id, found] : result.found_instead) text += fmt::format("; {}", found);
  return text;
}

void evaluate(const Arguments& a, int& exit_status) {
  const Split split = read_split(a.split.empty() ? split_file("amos22") : std::filesystem::path(a.split));
  const FolderScores result = evaluate_folder(a.labels, a.predictions, split, folder_options(a));
  const std::string missing = missing_text(result);
  if (!result.missing.empty() && !a.allow_missing) {
    throw DataError(missing + ". Add them to " + a.predictions + ", or pass --allow-missing", true);
  }
  write_scores(a.scores(), result.scores);
  write_conventions(a, result.conventions);
  write_record(a, result);
  const json summary{{"cases", result.cases},
                     {"scores", a.scores().string()},
                     {"cells", cells_of(result)},
                     {"missing", result.missing},
                     {"without_reference", result.without_reference}};
  if (a.as_json) {
    fmt::print("{}\n", summary.dump(2));
  } else {
    print_text(summary);
  }
  if (!result.without_reference.empty()) {
    fmt::print(stderr, "totum: predictions without a reference, not scored: {}\n",
               fmt::join(result.without_reference, ", "));
  }
  if (result.missing.empty()) return;
  fmt::print(stderr, "totum: {}\n", missing);
  exit_status = 1;
}

}  // namespace

void add_evaluate_command(CLI::App& app, int& exit_status) {
  auto a = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("evaluate", "Score any program's label maps against reference labels");
  command->add_option("--labels", a->labels, "Folder of reference label maps (CASE.nii.gz)")->required();
  command->add_option("--predictions", a->predictions, "Folder of predicted label maps (CASE.nii.gz)")
      ->required();
  command->add_option("--split", a->split,
                      "Split that says which organs are labelled in which modality (default: amos22.csv)");
  command->add_option("--out", a->out, "Folder for scores.csv")->required();
  command->add_option("--label-map", a->label_map,
                      "JSON that maps the predictions' labels to class indices 0..13 or names of organs");
  command->add_option("--reference-label-map", a->reference_label_map,
                      "The same for the references' labels (BTCV's numbers, say)");
  command->add_option("--metrics", a->metrics, "Metrics to take (default: all)")
      ->check(CLI::IsMember(metric_ids()))
      ->delimiter(',');
  command->add_option("--policy", a->policy, "What a missing organ is worth in scores.csv")
      ->check(CLI::IsMember(policy_names()))
      ->capture_default_str();
  command->add_option("--name", a->name, "What the column `run` says")->capture_default_str();
  command->add_flag("--allow-missing", a->allow_missing,
                    "Score what is there although predictions are missing");
  command->add_flag("--json", a->as_json, "Print the summary as JSON");
  command->callback([a, &exit_status] { evaluate(*a, exit_status); });
}

}  // namespace totum
