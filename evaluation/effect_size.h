#pragma once
// Effect sizes of paired values, to stand beside every p.

#include <cstdint>
#include <span>

namespace totum {

/// (W+ - W-) / (W+ + W-) over the non-zero differences, in [-1,1]; 0 if all are zero.
/// Source: Kerby, Comprehensive Psychology 3 (2014) 11.IT.3.1.
double rank_biserial(std::span<const double> a, std::span<const double> b, double tie_tolerance);

struct HodgesLehmann {
  double estimate = 0;       // median of the n(n+1)/2 Walsh averages of the differences
  double low = 0, high = 0;  // distribution-free interval from the signed-rank distribution
  double confidence = 0;  // that the interval really has; below the asked one if n is too small to reach it
};
/// Source: Hodges and Lehmann, Ann. Math. Statist. 34 (1963) 598.
HodgesLehmann hodges_lehmann(std::span<const double> a, std::span<const double> b, double confidence);

struct WinsTiesLosses {
  std::int64_t wins = 0, ties = 0, losses = 0;  // of a against b
};
WinsTiesLosses wins_ties_losses(std::span<const double> a, std::span<const double> b, double tie_tolerance);

}  // namespace totum
