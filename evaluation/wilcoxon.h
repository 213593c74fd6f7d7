#pragma once
// The Wilcoxon signed-rank test of paired values.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "evaluation/signed_ranks.h"

namespace totum {

enum class ZeroRule : std::uint8_t {
  pratt,   // zeros are ranked, then their ranks are dropped
  wilcox,  // zeros are left out before ranking
  zsplit,  // zeros are ranked, half of their ranks goes to each side
};
enum class Alternative : std::uint8_t { two_sided, greater, less };  // of a against b
enum class Distribution : std::uint8_t {
  automatic,  // exact up to 50 pairs, else normal
  exact,
  normal,
};

struct SignedRankOptions {
  ZeroRule zeros = ZeroRule::pratt;
  Alternative alternative = Alternative::two_sided;
  Distribution distribution = Distribution::automatic;
  bool continuity_correction = true;  // of the normal approximation
  double tie_tolerance = 1e-9;  // differences closer than this tie, and are zero if they are that close to 0
};

struct SignedRankResult {
  double statistic = 0;  // min(W+, W-) two-sided, else W+
  double w_plus = 0, w_minus = 0;
  double p_value = 1;
  double z = 0;            // of the normal approximation; 0 if exact
  std::int64_t pairs = 0;  // given
  std::int64_t zeros = 0;  // differences that are zero
  std::int64_t ties = 0;   // non-zero differences that share their absolute value with another one
  bool exact = false;
};

/// Element i of both spans is the same case. Ties share ranks. The exact distribution is that of all sign
/// flips given the ties and zeros of these data, by dynamic programming on doubled ranks; the normal
/// approximation has tie and continuity corrections. All differences zero: p = 1. Throws DataError for
/// unequal lengths, no pairs, NaN, infinities.
///
/// Source: Wilcoxon, Biometrics Bulletin 1 (1945) 80; Pratt, JASA 54 (1959) 655; Cureton, JASA 62 (1967)
/// 1068.
SignedRankResult wilcoxon_signed_rank(std::span<const double> a, std::span<const double> b,
                                      const SignedRankOptions& options = {});

/// P(W+ = s/2) when every non-zero difference has either sign with chance 1/2, given ties and zeros: by
/// counting subsets of doubled ranks (mean ranks are multiples of 1/2). Zeros add nothing.
std::vector<double> signed_rank_distribution(std::span<const RankedDifference> ranked);

/// The smallest two-sided p that this many pairs without ties or zeros can give: 2 / 2^n, at most 1.
double smallest_signed_rank_p(std::int64_t pairs);

std::string_view to_string(ZeroRule rule);
std::string_view to_string(Alternative alternative);

}  // namespace totum
