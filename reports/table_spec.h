#pragma once
// A table to reproduce: which methods are its entries, which cells it has, what is tested, and where the
// paper's numbers stand. All of it is declared before any score exists.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/json_reader.h"
#include "evaluation/scores.h"
#include "evaluation/wilcoxon.h"

namespace totum {

/// One method (or ablation) of the table.
struct TableEntry {
  std::string id;            // names the run's folder: the same id is the same run in every table
  std::string method;        // registry name
  std::string label;         // as shown
  std::string paper_method;  // its name in paper_tables.csv, empty if the paper has no such entry
  nlohmann::json options;    // of the method
  /// false: outside "best", rankings and tests (a bound, no rival). Not declared: true, unless its runs saw
  /// labels that training hides from the others.
  std::optional<bool> compared;
};

/// A cell: organs of one relation in test images of one modality, or the plain mean of other cells.
struct TableCell {
  std::string id;
  std::string label;
  std::optional<Modality> test_modality;
  Relation relation = Relation::intra;
  std::vector<std::string> mean_of;  // ids of cells; empty for a basic cell
  bool shown = true;
  std::string paper_test_modality;  // keys of paper_tables.csv; empty: no published number
  std::string paper_label_modality;
};

struct TableTests {
  std::string reference;  // entry id that every other entry is compared with
  std::string pairs = "patient";
  ZeroRule zeros = ZeroRule::pratt;
  Alternative alternative = Alternative::two_sided;
  std::string correction =
      "holm";  // or "hochberg", "benjamini-hochberg"; the family is all tests of the table
  double alpha = 0.05;
  double equivalence_margin = 0.01;        // in the metric's unit; not declared: the metric's own
  std::string post_hoc = "wilcoxon-holm";  // or "nemenyi": which groups rankings show
  double tie_tolerance = 1e-9;
};

struct TableSpec {
  std::string name;
  std::string title;
  int paper_table = 0;  // 0: not in the paper
  std::string metric = "dice";
  std::string grid = "network";
  std::vector<TableEntry> entries;
  std::vector<TableCell> cells;
  TableTests tests;
};

/// Reads a table's JSON strictly: unknown keys, duplicate ids, a reference or mean_of that is no id are
/// ConfigErrors.
TableSpec read_table_spec(const std::filesystem::path& path);
TableSpec read_table_spec(JsonReader json);

/// The table's JSON, from which read_table_spec gives the same table again. A report carries it, so that a
/// reader sees what was declared and `totum verify` needs nothing but the report.
nlohmann::json to_json(const TableSpec& table);

/// A published number of the paper.
struct PublishedCell {
  std::optional<double> mean_percent, sd_percent;
  std::string significant;  // yes, no, unknown
};
/// Looks up paper_tables.csv; nullopt if the table, cell or method is not there.
class PublishedNumbers {
 public:
  explicit PublishedNumbers(const std::filesystem::path& csv);
  [[nodiscard]] std::optional<PublishedCell> find(int table, const TableCell& cell,
                                                  const std::string& method) const;

 private:
  struct Row {
    int table;
    std::string test_modality, label_modality, method;
    PublishedCell cell;
  };
  std::vector<Row> rows_;
};

}  // namespace totum
