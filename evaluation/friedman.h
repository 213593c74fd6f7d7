#pragma once
// The Friedman test: do several methods differ at all on the same cases?

#include <cstdint>
#include <optional>
#include <vector>

namespace totum {

struct FriedmanResult {
  std::int64_t methods = 0, cases = 0;
  std::vector<double> mean_ranks;  // [method], 1 is best
  double statistic = 0;            // chi-square, corrected for ties
  double p_value = 1;              // of it, with methods - 1 degrees of freedom
  // Iman and Davenport's F of the same ranks, less conservative; none where all cases order the methods alike
  // and F would be infinite.
  std::optional<double> f;
  std::optional<double> f_p_value;
  double kendall_w = 0;  // agreement of the cases: 0 none, 1 all the same order

  /// Iman and Davenport's p, or that of chi-square where there is none.
  [[nodiscard]] double deciding_p() const { return f_p_value.value_or(p_value); }
};

/// values   [method][case], higher is better; values closer than `tie_tolerance` within a case share ranks
///
/// All tied: statistic 0, p = 1. Throws DataError for fewer than three methods (use a paired test), no
/// cases, unequal lengths, values that are not finite.
///
/// Source: Friedman, JASA 32 (1937) 675; Conover, Practical Nonparametric Statistics, 3rd ed. (1999), 5.8,
/// for ties; Iman and Davenport, Communications in Statistics A 9 (1980) 571.
FriedmanResult friedman_test(const std::vector<std::vector<double>>& values, double tie_tolerance);

}  // namespace totum
