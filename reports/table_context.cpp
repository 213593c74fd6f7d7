#include "reports/table_context.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"

namespace totum {

namespace {

// What messages call a run: its folder, or the label of its file with the value of `run` that it is.
std::string name_of(const ReportRun& run, const std::string& label) {
  if (!run.record.is_null()) return run.folder;
  return run.run.empty() ? label : fmt::format("{} (run {})", label, run.run);
}

// What to do about trainings of other cases or organs.
std::string advice(const ReportInput& input) {
  const bool of_runs = std::any_of(input.runs.begin(), input.runs.end(),
                                   [](const ReportRun& run) { return !run.record.is_null(); });
  if (of_runs) return "Runs of one table score the same images: run again what was made from others.";
  const bool has_seeds = std::any_of(input.runs.begin(), input.runs.end(),
                                     [](const ReportRun& run) { return !run.run.empty(); });
  return fmt::format(
      "Score all on the same cases and organs, or pass --intersect to compare on what they have in "
      "common.{}",
      has_seeds ? " Values of the column run count as seeds of one method; if they are parts of one "
                  "training, such as folds, give them one value."
                : "");
}

}  // namespace

TableContext::TableContext(const TableSpec& the_table, const ReportInput& the_input,
                           const PublishedNumbers& the_published, const ReportOptions& the_options)
    : table(the_table), input(the_input), published(the_published), options(the_options) {
  for (const TableEntry& entry : table.entries) {
    auto& runs = runs_[entry.id];
    auto& scores = scores_[entry.id];
    for (const ReportRun& run : input.runs) {
      if (run.id != entry.id || !run.scores) continue;
      runs.push_back(&run);
      scores.insert(scores.end(), run.scores->begin(), run.scores->end());
    }
  }
  check_scores();
}

void TableContext::check_scores() {
  std::vector<NamedScores> all;
  for (const TableEntry& entry : table.entries) {
    for (const ReportRun* run : runs_.at(entry.id))
      all.push_back({name_of(*run, entry.label), &*run->scores});
  }
  ScoreChoice choice{table.metric, table.grid, {}};
  for (const TableCell& cell : table.cells) {
    if (cell.test_modality) choice.cells.emplace(*cell.test_modality, cell.relation);
  }
  if (const auto found = contradictions(all, choice); !found.empty()) {
    throw DataError(
        fmt::format("{}: the scores contradict each other, so they are not of the same images or not by "
                    "the same split:\n  {}",
                    table.name, fmt::join(first_few(found), "\n  ")),
        true);
  }
  const Coverage coverage = coverage_of(all, choice);
  if (coverage.of_some.empty()) return;
  if (!input.intersect || coverage.common.empty()) {
    throw DataError(
        fmt::format("{}: {}:\n  {}\n{}", table.name,
                    coverage.common.empty() ? "there is no organ of a case that all were scored on"
                                            : "the methods were scored on different cases or organs",
                    fmt::join(lacking_lines(all, coverage, choice), "\n  "), advice(input)),
        true);
  }
  leave_out(coverage);
}

void TableContext::leave_out(const Coverage& coverage) {
  std::set<std::string> common_cases;
  for (const auto& [case_id, organ] : coverage.common) common_cases.insert(case_id);
  for (const CaseOrgan& pair : coverage.of_some) {
    if (common_cases.contains(pair.first)) {
      pairs_left_out_.insert(pair);
    } else {
      cases_left_out_.insert(pair.first);
    }
  }
  for (auto& [entry, scores] : scores_)
    std::erase_if(scores, [&](const Score& score) { return is_left_out(score.case_id, score.organ); });
}

bool TableContext::is_left_out(const std::string& case_id, std::int64_t organ) const {
  return cases_left_out_.contains(case_id) || pairs_left_out_.contains({case_id, organ});
}

const std::vector<const ReportRun*>& TableContext::runs_of(const std::string& entry) const {
  return runs_.at(entry);
}

const std::vector<Score>& TableContext::scores_of(const std::string& entry) const {
  return scores_.at(entry);
}

const TableCell& TableContext::cell(const std::string& id) const {
  return *std::find_if(table.cells.begin(), table.cells.end(),
                       [&](const TableCell& c) { return c.id == id; });
}

std::vector<const TableCell*> TableContext::basic_cells(const TableCell& of_cell) const {
  if (of_cell.mean_of.empty()) return {&of_cell};
  std::vector<const TableCell*> cells;
  for (const std::string& id : of_cell.mean_of) cells.push_back(&cell(id));
  return cells;
}

std::vector<std::vector<PatientScores>> TableContext::parts_of(const TableCell& of_cell,
                                                               const std::vector<Score>& scores) const {
  std::vector<std::vector<PatientScores>> parts;
  for (const TableCell* basic : basic_cells(of_cell)) {
    auto& patients = parts.emplace_back(patients_of_cell(scores, filter_of(*basic)));
    for (PatientScores& patient : patients)
      std::erase_if(patient.by_organ,
                    [&](const auto& value) { return is_left_out(patient.case_id, value.first); });
    std::erase_if(patients, [](const PatientScores& patient) { return patient.by_organ.empty(); });
  }
  return parts;
}

CellFilter TableContext::filter_of(const TableCell& basic_cell) const {
  return {*basic_cell.test_modality, basic_cell.relation, table.metric, table.grid};
}

nlohmann::json TableContext::traits_of(const std::string& entry) const {
  for (const ReportRun& run : input.runs) {
    if (run.id == entry && run.record.contains("traits")) return run.record.at("traits");
  }
  return nlohmann::json::object();
}

bool TableContext::is_compared(const TableEntry& entry) const {
  if (entry.id == table.tests.reference) return true;
  return entry.compared.value_or(traits_of(entry.id).value("supervision", "partial") != "full");
}

const std::string& TableContext::label_of(const std::string& entry) const {
  return std::find_if(table.entries.begin(), table.entries.end(),
                      [&](const TableEntry& e) { return e.id == entry; })
      ->label;
}

}  // namespace totum
