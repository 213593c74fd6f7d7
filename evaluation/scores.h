#pragma once
// Scores in long form: one value of one metric for one organ of one case. The contract between evaluation,
// statistics and reports, and with other programs (scores.csv).

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/organs.h"

namespace totum {

enum class Relation : std::uint8_t {
  intra,
  cross
};                                              // was the organ labelled in training data of this modality?
std::string_view to_string(Relation relation);  // "intra", "cross"

struct Score {
  std::string run;  // column id and seed, e.g. "ablation_a/seed-0"
  std::string case_id;
  Modality modality = Modality::ct;
  std::int64_t organ = 1;  // class index 1..13
  Relation relation = Relation::intra;
  std::string grid;             // "network" or "native"
  std::string metric;           // an id of evaluation/metric.h, or another program's own
  std::optional<double> value;  // in the metric's unit; nullopt: not scored (organ absent from both)
  bool in_reference = true;  // is the organ in the reference? See patients_of_cell() for what follows from it
};

/// scores.csv: header `run,case,modality,organ,relation,grid,metric,in_reference,value`; 17 significant
/// digits; an undefined value is an empty field; in_reference is 1 or 0, and 1 where another program left the
/// column out. Written by atomic rename. Ids of totum's metrics and names of grids are read in any case
/// ("Dice", "Native"); other programs may hold metrics of their own. Reading throws DataError that lists
/// faults by line: NaN and infinite values, fractions outside [0,1] (percent?), distances below 0, a second
/// value of one (run, case, organ, grid, metric), a case of two modalities, an organ of a case with two
/// relations, or on one grid in the reference and not, unknown tokens.
void write_scores(const std::filesystem::path& path, const std::vector<Score>& scores);
std::vector<Score> read_scores(const std::filesystem::path& path);

}  // namespace totum
