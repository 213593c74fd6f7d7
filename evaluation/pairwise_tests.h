#pragma once
// Every method against every other one on the same patients.

#include <cstddef>
#include <vector>

#include "evaluation/wilcoxon.h"

namespace totum {

struct PairwiseTest {
  std::size_t first = 0, second = 0;  // first < second
  SignedRankResult test;              // of first against second
  double p_adjusted = 1;              // Holm over all pairs

  /// Is it significant in favour of the first, of the second?
  [[nodiscard]] bool first_is_higher(double alpha) const;
  [[nodiscard]] bool second_is_higher(double alpha) const;
};

/// Signed-rank tests of all pairs of methods, in the order (0,1), (0,2), …, Holm-adjusted as one family.
///
/// values   [method][patient]
///
/// Source: Benavoli, Corani and Mangili, JMLR 17 (2016) 5: pairwise tests instead of differences of mean
/// ranks, since the latter depend on which other methods take part.
std::vector<PairwiseTest> pairwise_signed_rank(const std::vector<std::vector<double>>& values,
                                               const SignedRankOptions& options);

/// The place of the pair (first, second) in that order; first < second.
std::size_t place_of_pair(std::size_t first, std::size_t second, std::size_t methods);

}  // namespace totum
