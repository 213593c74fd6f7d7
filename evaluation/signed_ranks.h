#pragma once
// Ranks of paired differences, shared by the signed-rank test and its effect size.

#include <cstdint>
#include <span>
#include <vector>

namespace totum {

struct RankedDifference {
  double difference = 0;
  double rank = 0;  // mean rank of |difference| among those that were ranked, from 1
  bool is_zero = false;
};

/// Differences a - b with mean ranks of their absolute values; differences whose absolute values follow one
/// another closer than `tie_tolerance` share ranks, and those within it of 0 are zeros. With `drop_zeros`
/// zeros are left out before ranking. Throws DataError for unequal lengths, no pairs, NaN, infinities.
std::vector<RankedDifference> rank_differences(std::span<const double> a, std::span<const double> b,
                                               bool drop_zeros, double tie_tolerance);

}  // namespace totum
