#pragma once
// What a report is made from: stored runs, or scores of any program.

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "evaluation/scores.h"
#include "reports/table_spec.h"

namespace totum {

/// One run (method and seed) as it was found, or one training in a file of scores of another program.
struct ReportRun {
  std::string id;  // entry id
  std::int64_t seed = 0;
  std::string folder;     // "single/seed-0" below the runs' folder; for scores of other programs their file
  std::string run;        // which `run` of that file, if it holds several; else empty
  nlohmann::json record;  // run.json; null for scores of other programs
  nlohmann::json done;    // done.json; null if the run is not done
  std::optional<std::vector<Score>> scores;
  nlohmann::json training;  // curves of log.jsonl, see docs/report-schema.json; null if there is no log
  std::string failure;      // why there are no scores
  std::string scores_sha256, record_sha256;
  std::string log_sha256;   // of log.jsonl, which holds times; empty if there is none
  std::string done_sha256;  // of done.json without its timing, so that the same results give the same report
};

struct ReportInput {
  std::vector<TableSpec> tables;
  std::vector<ReportRun> runs;
  bool intersect = false;  // compare on common cases where the cases differ
  std::string declarations =
      {};  // RUNS/declarations.jsonl as it stands, see docs/statistics.md; may be empty
};

/// All runs of the tables' entries under RUNS/<id>/seed-<n>. A run that failed, is unfinished, damaged or
/// missing is kept with its reason. Throws DataError if `runs` holds no run of these tables, or if runs
/// differ in size, dataset, split, data or configuration (less method, seed and options), so that they must
/// not stand in one table.
ReportInput read_runs(const std::filesystem::path& runs, const std::vector<TableSpec>& tables);

/// SHA-256 of done.json without the times in it.
std::string done_sha256(const nlohmann::json& done);

/// A file of scores of another program, under a name; `shown_path` is what the report calls the file. Each
/// value of its column `run` is a seed: the n of ".../seed-n" if they all end like that, else 0, 1, … in the
/// order of the file. Throws DataError for a file without scores.
std::vector<ReportRun> read_named_scores(const std::string& id, const std::filesystem::path& file,
                                         const std::string& shown_path);

}  // namespace totum
