#pragma once
// The comparison of two methods on the same patients: every number that a report needs about one pair of
// methods.

#include <cstdint>
#include <string>
#include <vector>

#include "evaluation/cell_summary.h"
#include "evaluation/effect_size.h"
#include "evaluation/intervals.h"
#include "evaluation/wilcoxon.h"

namespace totum {

enum class Verdict : std::uint8_t {
  better,  // the adjusted test says so, in favour of the first method
  worse,
  equivalent,  // both one-sided t tests put the mean difference within the margin
  undecided,
  unreachable,  // no data of this many pairs could have been significant after correction
};
std::string_view to_string(Verdict verdict);

struct ComparisonOptions {
  SignedRankOptions test;
  double equivalence_margin = 0.01;
  std::int64_t resamples = 10000;
  std::uint64_t seed = 0;
  int threads = 1;
};

/// Values of the same patients (or pairs) under both methods.
struct PairedValues {
  std::vector<std::string> case_ids;
  std::vector<double> a, b;
  std::int64_t organs_left_out = 0;    // (patient, organ) scored for one method only
  std::int64_t patients_left_out = 0;  // scored for one method only, or without a common organ
};

/// Pairs of one patient are kept together: intervals, equivalence and sign flips take patients as the
/// independent units even when the pairs are (patient, organ). The signed-rank tests and Hodges-Lehmann take
/// the pairs as they are.
struct PairedComparison {
  std::int64_t pairs = 0;
  std::int64_t patients = 0;
  std::int64_t organs_left_out = 0;
  std::int64_t patients_left_out = 0;
  double mean_difference = 0;  // a - b, over pairs
  Interval t, bca;             // 95 % of the mean difference
  HodgesLehmann hodges_lehmann;
  double rank_biserial = 0;
  WinsTiesLosses count;
  SignedRankResult test;  // under the declared options
  double p_pratt = 1, p_wilcox = 1, p_zsplit = 1;
  double p_sign_flip = 1;
  double p_equivalence = 1;  // the larger p of the two one-sided t tests
  double smallest_p = 1;     // that this many pairs can give before correction
};

/// Pairs two methods' patients by case id; a patient's value is the mean over the organs that both methods
/// scored (patients_of_cell() lets the reference alone decide which these are), or with `pooled` one value
/// for each organ, as the paper probably did. Patients of one method only are an error that lists them,
/// unless `intersect`.
PairedValues pair_patients(const std::vector<PatientScores>& a, const std::vector<PatientScores>& b,
                           bool pooled, bool intersect);

/// Throws DataError for values that are not finite, or if there are none.
PairedComparison compare(const PairedValues& values, const ComparisonOptions& options);

/// What may be said, given the p after correction and the smallest p that could have been reached after it.
Verdict judge(const PairedComparison& comparison, double adjusted_p, double smallest_adjusted_p,
              double alpha);

}  // namespace totum
