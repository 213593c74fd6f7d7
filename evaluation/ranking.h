#pragma once
// Orders of several methods scored on the same cases.

#include <vector>

namespace totum {

/// Ranks within each case: the best value has rank 1 and values closer than `tie_tolerance` to the next one
/// share their mean rank.
///
/// values   [method][case], higher is better, all methods on the same cases
/// returns  [method][case]
///
/// Throws DataError for unequal lengths.
std::vector<std::vector<double>> ranks_within_cases(const std::vector<std::vector<double>>& values,
                                                    double tie_tolerance);

/// Rank-then-average: within each case the best value has rank 1 and values closer than `tie_tolerance` to
/// the next one share their mean rank; returned is each method's mean rank over the cases.
///
/// values   [method][case], higher is better, all methods on the same cases
/// returns  [method]; empty if there are no cases
///
/// Source: Maier-Hein et al., Nature Communications 9 (2018) 5217. Throws DataError for unequal lengths.
std::vector<double> mean_ranks(const std::vector<std::vector<double>>& values, double tie_tolerance);

}  // namespace totum
