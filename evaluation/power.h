#pragma once
// How many patients would settle a difference, from the spread that was seen.

#include <cstdint>
#include <optional>

namespace totum {

/// What a paired test is asked: to find a mean difference of this size among differences of this spread.
struct PowerQuestion {
  double difference = 0.01;       // to be found, in the metric's unit; above 0
  double standard_deviation = 0;  // of the paired differences
  double alpha = 0.05;            // two-sided level of the one test, after its correction
  std::int64_t parts = 1;         // means that the difference is made of: degrees of freedom are n - parts
  /// Pairs that the t test needs where this test needs one. 3/π is that of the signed-rank test for normal
  /// differences; for heavier tails it is higher, and never below 0.864.
  double efficiency = 0.954929658551372;
};

/// The chance that `pairs` differences give p < alpha, by the noncentral t distribution; 0 where no data of
/// so many pairs could (smallest_signed_rank_p). Source: Cohen, Statistical Power Analysis, 2nd ed. (1988),
/// 2; Hodges and Lehmann, Ann. Math. Statist. 27 (1956) 324, for the efficiency.
double paired_power(std::int64_t pairs, const PowerQuestion& question);

/// The fewest pairs with at least this power. nullopt beyond 10^7.
std::optional<std::int64_t> pairs_needed(double power, const PowerQuestion& question);

}  // namespace totum
