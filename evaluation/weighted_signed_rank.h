#pragma once
// The signed-rank test of a mean of several strata, in which each stratum weighs as it does in the mean.

#include <span>
#include <vector>

#include "evaluation/wilcoxon.h"

namespace totum {

/// Pairs of the same patients under both methods, ranked among themselves.
struct RankedStratum {
  std::vector<double> a, b;
  double weight = 1;  // of the stratum in the mean; the weights add up to 1
};

struct WeightedSignedRank {
  double statistic = 0;  // Σ weight · (W+ - W-) · 2 / (n (n+1)); above 0 in favour of a
  double p_value = 1;
  double standard_error = 0;  // of the statistic when every sign is a coin's, given ties and zeros
  bool exact = false;
};

/// n of a stratum counts what was ranked: the zeros too, but under ZeroRule::wilcox. The exact null
/// distribution is the convolution of the strata's own, given their ties and zeros, if none has more than 50
/// pairs and there are at most four; else normal. All differences zero: p = 1. One stratum gives the p of
/// wilcoxon_signed_rank(), exact or normal. Throws DataError as that does.
///
/// Source: van Elteren, Bull. Inst. Int. Stat. 37 (1960) 351, for weighted rank statistics of strata.
WeightedSignedRank weighted_signed_rank(std::span<const RankedStratum> strata,
                                        const SignedRankOptions& options);

/// The bound from which on |statistic| has two-sided p < alpha for strata of so many untied pairs, by the
/// same rule of exactness; infinity if there is none.
double critical_weighted_signed_rank(std::span<const std::int64_t> pairs, std::span<const double> weights,
                                     double alpha);

}  // namespace totum
