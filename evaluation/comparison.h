#pragma once
// The comparison of two methods on the same patients: every number that a report needs about one pair of
// methods.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "evaluation/cell_summary.h"
#include "evaluation/effect_size.h"
#include "evaluation/intervals.h"
#include "evaluation/weighted_signed_rank.h"
#include "evaluation/wilcoxon.h"

namespace totum {

enum class Verdict : std::uint8_t {
  better,  // the adjusted test says so, in favour of the first method
  worse,
  equivalent,  // both one-sided t tests, after correction, put the mean difference within the margin
  undecided,
  unreachable,  // no data of this many pairs could have been significant after correction
  identical,    // the same scores: there is nothing to test
  // The signed ranks are significant, but the mean difference has the other sign, or its 95 % t interval (for
  // a one-sided test its 95 % bound) covers zero.
  better_in_most,
  worse_in_most,
};
std::string_view to_string(Verdict verdict);

/// How much the patients' differences vary, which is what every interval and test of a mean lives from.
enum class Spread : std::uint8_t {
  varying,    // or nothing is known, from a single patient of each part
  constant,   // the same difference in every patient of a part, up to rounding
  identical,  // every score is the same under both methods, and none stands alone
};
std::string_view to_string(Spread spread);

/// The test that gives the verdict.
enum class Decider : std::uint8_t {
  signed_rank,           // of one value for each patient
  weighted_signed_rank,  // the same within each cell of a mean, weighed as the cells
  sign_flip,             // of patients, where the pairs are (patient, organ) and so not independent
};
std::string_view to_string(Decider decider);

struct ComparisonOptions {
  bool pooled = false;  // are pairs (patient, organ)?
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
  std::int64_t organs_left_out = 0;     // (patient, organ) scored for one method only
  std::int64_t patients_left_out = 0;   // scored for one method only, or without a common organ
  double largest_organ_difference = 0;  // |a - b| over the organs that the values are means of
};

/// Patients are the independent units of intervals, equivalence, sign flips and the verdict, even when the
/// pairs are (patient, organ). Hodges-Lehmann, wins and the signed-rank tests of all pairs take the pairs as
/// they are.
///
/// In a mean of several parts (cells), the mean difference is the plain mean of the parts' differences, as
/// the cell is the plain mean of the parts. Its intervals, equivalence, sign flips, rank-biserial correlation
/// and the deciding test weigh the parts in the same way. Parts that share patients are one stratum, to which
/// each patient gives one contribution. Hodges-Lehmann and wins take the pairs of all parts together.
///
/// Differences without spread allow no interval and no test of equivalence: there are none then. The
/// signed-rank test of equal differences is the sign test, which six patients can make significant.
struct PairedComparison {
  std::int64_t pairs = 0;
  std::int64_t patients = 0;              // different ones
  std::int64_t fewest_patients = 0;       // of any part
  std::int64_t patients_that_differ = 0;  // whose difference is not zero
  std::int64_t parts = 1;
  std::int64_t organs_left_out = 0;
  std::int64_t patients_left_out = 0;
  Spread spread = Spread::varying;
  double mean_difference = 0;  // a - b, over pairs; over parts, if there are several
  double standard_error = 0;   // of mean_difference over patients; 0 with no degrees of freedom or no spread
  double degrees_of_freedom = 0;
  // 95 % of the mean difference; none for a part of fewer than two patients or without spread
  std::optional<Interval> t, bca;
  std::optional<Interval> leading;  // the one of the two to quote: leading_interval()
  HodgesLehmann hodges_lehmann;
  double rank_biserial = 0;  // of a mean of parts: the plain mean of the parts'
  WinsTiesLosses count;
  // The verdict
  Decider decided_by = Decider::signed_rank;
  double p = 1;
  double smallest_p = 1;          // that so many differences other than zero can give before correction
  int favours = 0;                // 1: a; -1: b, by the deciding test's own statistic
  bool mean_goes_along = true;    // has the mean that sign, and does its t interval leave out zero?
  bool is_exact = false;          // the deciding p
  double deciding_statistic = 0;  // W, the weighted rank-biserial of weighted_signed_rank(), or the mean
  // Beside it
  SignedRankResult test;                           // of all pairs together under the declared options
  double p_pratt = 1, p_wilcox = 1, p_zsplit = 1;  // of signed ranks, weighed as the parts
  double p_sign_flip = 1;                          // of mean_difference
  double p_sign_flip_plain = 1;                    // of the patients' differences, whatever their parts
  double p_sign_test = 1;                          // of wins and losses
  double p_equivalence = 1;                        // the larger p of the two one-sided t tests
  bool may_be_equivalent = false;  // BCa interval within the margin, and kPatientsForEquivalence in each part
  // What the power of the deciding test is simulated from.
  std::vector<RankedStratum> strata;
};

/// Fewer patients can't show that two methods are equivalent: a rare failure would not have been seen.
constexpr std::int64_t kPatientsForEquivalence = 24;
/// The share of failures that `patients` without one can't exclude with a confidence of 95 %: 1 - .05^(1/n).
double failures_not_excluded(std::int64_t patients);

/// Pairs two methods' patients by case id; a patient's value is the mean over the organs that both methods
/// scored (patients_of_cell() lets the reference alone decide which these are), or with `pooled` one value
/// for each organ, as the paper probably did. Patients of one method only are an error that lists them,
/// unless `intersect`.
PairedValues pair_patients(const std::vector<PatientScores>& a, const std::vector<PatientScores>& b,
                           bool pooled, bool intersect);

/// Throws DataError for values that are not finite, or if there are none.
PairedComparison compare(const PairedValues& values, const ComparisonOptions& options);
/// The same for a mean of parts, each of which needs a pair.
PairedComparison compare(std::span<const PairedValues> parts, const ComparisonOptions& options);

/// The p-values of one comparison after correction, each over the same family of tests.
struct AdjustedP {
  double difference = 1;   // of the deciding test
  double smallest = 1;     // the smallest that `difference` could have been with this many pairs
  double equivalence = 1;  // of the two one-sided tests
};

/// What may be said, given the p-values after correction. Identical scores are neither equivalent nor
/// undecided; a difference without spread is undecided unless its sign alone is significant.
Verdict judge(const PairedComparison& comparison, const AdjustedP& adjusted, double alpha);

}  // namespace totum
