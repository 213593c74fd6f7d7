#include "reports/table_context.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"

namespace totum {

namespace {

// A line for each entry, with the first of its cases. entries_of: by case.
std::string cases_by_entry(const std::map<std::string, std::set<std::string>>& entries_of) {
  constexpr std::size_t kMostNamed = 10;
  std::map<std::string, std::vector<std::string>> cases_of;
  for (const auto& [case_id, entries] : entries_of) {
    for (const std::string& entry : entries) cases_of[entry].push_back(case_id);
  }
  std::string text;
  for (const auto& [entry, cases] : cases_of) {
    const std::size_t named = std::min(cases.size(), kMostNamed);
    text += fmt::format("\n  {}: {}{}", entry,
                        fmt::join(cases.begin(), cases.begin() + static_cast<std::ptrdiff_t>(named), ", "),
                        named < cases.size() ? fmt::format(", … ({} in all)", cases.size()) : "");
  }
  return text;
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
  if (input.intersect) leave_out_cases_of_some();
}

void TableContext::leave_out_cases_of_some() {
  std::map<std::string, std::set<std::string>> entries_of;  // by case
  std::size_t entries_with_scores = 0;
  for (const auto& [entry, scores] : scores_) {
    entries_with_scores += scores.empty() ? 0 : 1;
    for (const Score& score : scores) {
      if (score.metric == table.metric && score.grid == table.grid) entries_of[score.case_id].insert(entry);
    }
  }
  std::size_t common = 0;
  for (const auto& [case_id, entries] : entries_of) {
    if (entries.size() == entries_with_scores) {
      ++common;
    } else {
      cases_left_out_.insert(case_id);
    }
  }
  if (common == 0 && entries_with_scores > 0)
    throw DataError(fmt::format("{}: there is no case that all entries were scored on; leave entries out, or "
                                "score them on cases of the others:{}",
                                table.name, cases_by_entry(entries_of)),
                    true);
  for (auto& [entry, scores] : scores_)
    std::erase_if(scores, [&](const Score& score) { return cases_left_out_.contains(score.case_id); });
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
    parts.push_back(patients_of_cell(scores, filter_of(*basic)));
    std::erase_if(parts.back(),
                  [&](const PatientScores& patient) { return cases_left_out_.contains(patient.case_id); });
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
