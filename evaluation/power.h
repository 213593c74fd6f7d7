#pragma once
// How many patients would settle a difference, from the spread that was seen.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "evaluation/weighted_signed_rank.h"

namespace totum {

/// One of the independent samples that a mean difference is made of.
struct PowerStratum {
  double patients = 1;  // share of all patients
  double variance = 1;  // share of the squared standard error
};

/// What a paired test is asked: to find a mean difference of this size among differences of this spread.
struct PowerQuestion {
  double difference = 0.01;       // to be found, in the metric's unit; above 0
  double standard_deviation = 0;  // of the paired differences
  double alpha = 0.05;            // two-sided level of the one test, after its correction
  /// Where the difference is a mean of several cells: one for each. Their proportion is kept, and the degrees
  /// of freedom of n patients are Welch and Satterthwaite's, 1 / Σ variance²/(n·patients - 1).
  std::vector<PowerStratum> strata = std::vector<PowerStratum>(1);
  /// Pairs that the t test needs where this test needs one. 3/π is that of the signed-rank test for normal
  /// differences; for heavier tails it is higher, and never below 0.864.
  double efficiency = 0.954929658551372;
};

/// The chance that `pairs` differences give p < alpha, by the noncentral t distribution; 0 where no data of
/// so many pairs could (smallest_signed_rank_p). Source: Cohen, Statistical Power Analysis, 2nd ed. (1988),
/// 2; Hodges and Lehmann, Ann. Math. Statist. 27 (1956) 324, for the efficiency.
double paired_power(std::int64_t pairs, const PowerQuestion& question);

/// The fewest pairs with at least this power, from `at_least` on. nullopt beyond 10^7.
std::optional<std::int64_t> pairs_needed(double power, const PowerQuestion& question,
                                         std::int64_t at_least = 1);

/// The ends of the 95 % interval of a standard deviation with so many degrees of freedom, as factors of the
/// estimate, for normal values: the lower one, then the upper one.
std::array<double, 2> deviation_factors(double degrees_of_freedom);

/// Below so many pairs the formula is not used: it can be off by a fifth, and the distribution of the ranks
/// is coarse.
constexpr std::int64_t kFewestPairsOfFormula = 14;

/// The power of the (weighted) signed-rank test as samples of the stored differences give it: `simulations`
/// times, `patients[k]` differences of stratum k are drawn with replacement, shifted so that their mean is
/// `difference`, and in every other study -`difference`; the share of these studies with two-sided p < alpha.
/// Seeded; replicate r has a stream of its own.
double simulated_power(std::span<const RankedStratum> strata, std::span<const std::int64_t> patients,
                       double difference, double alpha, std::int64_t simulations, std::uint64_t seed);

}  // namespace totum
