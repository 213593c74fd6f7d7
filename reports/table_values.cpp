#include "reports/table_values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/random.h"
#include "evaluation/metric.h"

namespace totum {

namespace {

using nlohmann::json;

// null for fewer than two patients
json to_json(const std::optional<Interval>& interval) {
  return interval ? json::array({interval->low, interval->high}) : json();
}

// Mean over all (patient, organ) pairs, averaged over the parts; nullopt if a part has no patient.
std::optional<double> pooled_mean(const std::vector<std::vector<PatientScores>>& parts) {
  double mean = 0;
  for (const auto& part : parts) {
    double total = 0;
    std::size_t count = 0;
    for (const PatientScores& patient : part) {
      total += patient.sum();
      count += patient.by_organ.size();
    }
    if (count == 0) return std::nullopt;
    mean += total / static_cast<double>(count) / static_cast<double>(parts.size());
  }
  return mean;
}

json seed_means(const TableContext& context, const TableCell& cell, const TableEntry& entry) {
  json list = json::array();
  for (const ReportRun* run : context.runs_of(entry.id)) {
    const auto mean = pooled_mean(context.parts_of(cell, *run->scores));
    if (mean) list.push_back({{"seed", run->seed}, {"mean", *mean}});
  }
  return list;
}

// Standard deviation (n - 1) of the seeds' means; null for a single seed.
json spread_over_seeds(const json& seeds) {
  if (seeds.size() < 2) return nullptr;
  double sum = 0;
  for (const json& seed : seeds) sum += seed.at("mean").get<double>();
  const double mean = sum / static_cast<double>(seeds.size());
  double squares = 0;
  for (const json& seed : seeds) squares += std::pow(seed.at("mean").get<double>() - mean, 2);
  return std::sqrt(squares / static_cast<double>(seeds.size() - 1));
}

// (case, organ) pairs of the cell, with a value or without.
std::int64_t pairs_of_cell(const TableContext& context, const TableCell& cell,
                           const std::vector<Score>& scores) {
  std::set<std::pair<std::string, std::int64_t>> pairs;
  for (const TableCell* basic : context.basic_cells(cell)) {
    const CellFilter filter = context.filter_of(*basic);
    for (const Score& score : scores) {
      const bool is_here = score.modality == filter.test_modality && score.relation == filter.relation &&
                           score.metric == filter.metric && score.grid == filter.grid;
      if (is_here) pairs.emplace(score.case_id, score.organ);
    }
  }
  return static_cast<std::int64_t>(pairs.size());
}

std::int64_t hallucinations_of_cell(const TableContext& context, const TableCell& cell,
                                    const std::vector<Score>& scores) {
  std::int64_t count = 0;
  for (const TableCell* basic : context.basic_cells(cell))
    count += hallucinations(scores, context.filter_of(*basic));
  return count;
}

std::int64_t missed_of_cell(const TableContext& context, const TableCell& cell,
                            const std::vector<Score>& scores) {
  std::int64_t count = 0;
  for (const TableCell* basic : context.basic_cells(cell)) count += missed(scores, context.filter_of(*basic));
  return count;
}

std::optional<CellSummary> summarise(const TableContext& context, const TableCell& cell,
                                     const TableEntry& entry) {
  const auto parts = context.parts_of(cell, context.scores_of(entry.id));
  const ReportOptions& options = context.options;
  const std::uint64_t seed = derive_seed(options.seed, context.table.name + "/" + cell.id);
  return cell.mean_of.empty() ? summarise_cell(parts.front(), options.resamples, seed, options.threads)
                              : summarise_mean_of(parts, options.resamples, seed, options.threads);
}

// Why a run's numbers may not be compared with the paper's; empty if they may. Notes are no obstacles: that a
// GPU repeats a training only to the last digits forbids nothing.
std::vector<std::string> obstacles_of(const json& record) {
  if (record.is_null()) return {"scores of other programs"};
  if (record.value("dataset", "") == "phantom") return {"phantom data"};
  const std::string preset = record.value("preset", "");
  if (!preset.starts_with("amos22-")) return {"another preset (" + preset + ")"};
  return record.value("obstacles", std::vector<std::string>{});
}

// The obstacles of all runs behind a number, each once; empty if there are none.
std::string obstacle_to_paper(const std::vector<const ReportRun*>& runs) {
  std::vector<std::string> all;
  for (const ReportRun* run : runs) {
    for (const std::string& obstacle : obstacles_of(run->record)) {
      if (std::find(all.begin(), all.end(), obstacle) == all.end()) all.push_back(obstacle);
    }
  }
  return fmt::format("{}", fmt::join(all, "; "));
}

// The paper's number and how ours stands to it; null if the paper has no such cell.
json paper_value(const TableContext& context, const TableCell& cell, const TableEntry& entry,
                 const std::optional<CellSummary>& summary) {
  const int number = context.table.paper_table;
  if (!context.table.metric.starts_with("dice")) return nullptr;  // the paper's numbers are Dice
  if (number == 0 || entry.paper_method.empty() || cell.paper_test_modality.empty()) return nullptr;
  const auto published = context.published.find(number, cell, entry.paper_method);
  if (!published) return nullptr;
  json paper{{"significant", published->significant}};
  if (published->mean_percent) paper["mean"] = *published->mean_percent / 100;
  if (published->sd_percent) paper["sd"] = *published->sd_percent / 100;
  const std::string obstacle = !published->mean_percent ? "the published value is not legible"
                               : !summary               ? "there is no score of ours"
                                                        : obstacle_to_paper(context.runs_of(entry.id));
  if (!obstacle.empty() || !summary->leading) {
    paper["verdict"] = "not comparable";
    paper["why"] = obstacle.empty() ? "fewer than two patients" : obstacle;
    return paper;
  }
  const double mean = *published->mean_percent / 100;
  paper["verdict"] = mean < summary->leading->low    ? "above"
                     : mean > summary->leading->high ? "below"
                                                     : "inside";
  return paper;
}

std::string interval_kind(const TableCell& cell, const CellSummary& summary) {
  if (!summary.leading) return "none: fewer than two patients";
  const std::string parts = cell.mean_of.empty() ? "" : ", within each part";
  return summary.fewest_patients < kPatientsForBootstrap
             ? fmt::format("t of patients{}; BCa bootstrap of patients beside it",
                           cell.mean_of.empty() ? "" : " with Welch-Satterthwaite degrees of freedom")
             : fmt::format("BCa bootstrap of patients{}; t of patients beside it", parts);
}

json cell_value(const TableContext& context, const TableCell& cell, const TableEntry& entry) {
  json value{{"cell", cell.id}, {"entry", entry.id}};
  const auto summary = summarise(context, cell, entry);
  if (const json paper = paper_value(context, cell, entry, summary); !paper.is_null()) value["paper"] = paper;
  const auto& scores = context.scores_of(entry.id);
  value["missed"] = missed_of_cell(context, cell, scores);
  if (!summary) {
    value["why"] =
        context.runs_of(entry.id).empty() ? "no run of it has scores" : "no patient has a score of this cell";
    return value;
  }
  value["patients"] = summary->patients;
  value["values"] = summary->values;
  value["not_scored"] = pairs_of_cell(context, cell, scores) - summary->values;
  value["hallucinations"] = hallucinations_of_cell(context, cell, scores);
  value["mean"] = summary->mean;
  value["sd"] = summary->sd ? json(*summary->sd) : json();
  value["mean_over_organs"] = summary->mean_over_organs;
  value["ci95"] = to_json(summary->leading);
  value["ci95_over_organs"] = to_json(summary->leading_over_organs);
  value["t95_over_organs"] = to_json(summary->t_over_organs);
  value["bca95"] = to_json(summary->bca);
  value["bca95_over_organs"] = to_json(summary->bca_over_organs);
  value["t95"] = to_json(summary->t);
  value["interval"] = interval_kind(cell, *summary);
  value["seeds"] = seed_means(context, cell, entry);
  if (const json spread = spread_over_seeds(value["seeds"]); !spread.is_null())
    value["sd_over_seeds"] = spread;
  return value;
}

using PatientOfPart = std::pair<std::size_t, std::string>;

// Patients' means of a cell, by part and case id.
std::map<PatientOfPart, double> patient_means(const TableContext& context, const TableCell& cell,
                                              const std::string& entry) {
  std::map<PatientOfPart, double> means;
  const auto parts = context.parts_of(cell, context.scores_of(entry));
  for (std::size_t part = 0; part < parts.size(); ++part) {
    for (const PatientScores& patient : parts[part]) means[{part, patient.case_id}] = patient.mean();
  }
  return means;
}

}  // namespace

json table_values(const TableContext& context) {
  json values = json::array();
  for (const TableCell& cell : context.table.cells) {
    for (const TableEntry& entry : context.table.entries) values.push_back(cell_value(context, cell, entry));
  }
  return values;
}

json table_patients(const TableContext& context) {
  json list = json::array();
  for (const TableCell& cell : context.table.cells) {
    if (!cell.mean_of.empty()) continue;  // its patients stand under the cells that it is the mean of
    for (const TableEntry& entry : context.table.entries) {
      json values = json::array();
      for (const auto& [patient, mean] : patient_means(context, cell, entry.id))
        values.push_back({{"case", patient.second}, {"value", mean}});
      list.push_back({{"cell", cell.id}, {"entry", entry.id}, {"values", values}});
    }
  }
  return list;
}

json table_organs(const TableContext& context) {
  json list = json::array();
  for (const TableEntry& entry : context.table.entries) {
    for (const Modality modality : {Modality::ct, Modality::mr}) {
      for (const Relation relation : {Relation::intra, Relation::cross}) {
        std::map<std::int64_t, std::vector<double>> by_organ;
        const CellFilter filter{modality, relation, context.table.metric, context.table.grid};
        const auto missed_of = missed_by_organ(context.scores_of(entry.id), filter);
        for (const auto& [organ, count] : missed_of) by_organ[organ];
        for (const auto& patient : patients_of_cell(context.scores_of(entry.id), filter)) {
          for (const auto& [organ, value] : patient.by_organ) by_organ[organ].push_back(value);
        }
        for (const auto& [organ, values] : by_organ) {
          double sum = 0;
          for (const double value : values) sum += value;
          list.push_back(
              {{"entry", entry.id},
               {"test_modality", to_string(modality)},
               {"relation", relation == Relation::intra ? "intra" : "cross"},
               {"organ", organ},
               {"name", organ_name(organ)},
               {"patients", values.size()},
               {"missed", missed_of.contains(organ) ? missed_of.at(organ) : 0},
               {"mean", values.empty() ? json() : json(sum / static_cast<double>(values.size()))}});
        }
      }
    }
  }
  return list;
}

}  // namespace totum
