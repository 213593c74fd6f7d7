#pragma once
// What every part of a table's results is computed from. Internal to reports/.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "evaluation/cell_summary.h"
#include "evaluation/score_checks.h"
#include "reports/report.h"

namespace totum {

/// The scores of one table, by entry and cell. Keeps references to what it is made from. Throws DataError if
/// trainings contradict each other about a case or an organ, or were scored on other cases or organs (unless
/// `intersect`).
class TableContext {
 public:
  TableContext(const TableSpec& table, const ReportInput& input, const PublishedNumbers& published,
               const ReportOptions& options);

  const TableSpec& table;
  const ReportInput& input;
  const PublishedNumbers& published;
  const ReportOptions& options;

  /// The runs of an entry that have scores, by seed; empty if there are none.
  [[nodiscard]] const std::vector<const ReportRun*>& runs_of(const std::string& entry) const;
  /// The scores of all these runs, without what is left out.
  [[nodiscard]] const std::vector<Score>& scores_of(const std::string& entry) const;
  [[nodiscard]] const TableCell& cell(const std::string& id) const;
  /// The basic cells that a cell consists of: itself, or those of mean_of.
  [[nodiscard]] std::vector<const TableCell*> basic_cells(const TableCell& cell) const;
  /// With `intersect`: (case, organ) pairs that some trainings have a row of and others have not, so that
  /// they count for none; whole cases, and organs of the other cases. Else empty.
  [[nodiscard]] const std::set<std::string>& cases_left_out() const { return cases_left_out_; }
  [[nodiscard]] const std::set<CaseOrgan>& pairs_left_out() const { return pairs_left_out_; }
  /// Patients of the cell, one list for each of its basic cells.
  [[nodiscard]] std::vector<std::vector<PatientScores>> parts_of(const TableCell& cell,
                                                                 const std::vector<Score>& scores) const;
  [[nodiscard]] CellFilter filter_of(const TableCell& basic_cell) const;
  [[nodiscard]] const std::string& label_of(const std::string& entry) const;
  /// What the runs of an entry say about their method (run.json: traits); an empty object for scores of other
  /// programs.
  [[nodiscard]] nlohmann::json traits_of(const std::string& entry) const;
  /// Has the entry a part in "best", rankings and tests? See TableEntry::compared; the reference always has.
  [[nodiscard]] bool is_compared(const TableEntry& entry) const;

 private:
  void check_scores();
  void leave_out(const Coverage& coverage);
  [[nodiscard]] bool is_left_out(const std::string& case_id, std::int64_t organ) const;

  std::map<std::string, std::vector<const ReportRun*>> runs_;
  std::map<std::string, std::vector<Score>> scores_;
  std::set<std::string> cases_left_out_;
  std::set<CaseOrgan> pairs_left_out_;
};

}  // namespace totum
