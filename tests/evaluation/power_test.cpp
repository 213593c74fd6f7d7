#include "evaluation/power.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/random.h"
#include "evaluation/wilcoxon.h"

namespace totum {
namespace {

// The t test's power for a difference of so many deviations.
PowerQuestion of_t_test(double effect, double alpha) {
  PowerQuestion question;
  question.difference = effect;
  question.standard_deviation = 1;
  question.alpha = alpha;
  question.efficiency = 1;
  return question;
}

// statsmodels 0.15.0: TTestPower().power(effect, n, alpha) and .solve_power(effect, alpha=alpha, power=0.8).
TEST(PairedPower, EqualsStatsmodels) {
  EXPECT_NEAR(paired_power(10, of_t_test(0.5, 0.05)), 0.2931756065140767, 1e-9);
  EXPECT_NEAR(paired_power(48, of_t_test(0.2, 0.05)), 0.27385173307642496, 1e-9);
  EXPECT_NEAR(paired_power(24, of_t_test(0.3, 0.05 / 17)), 0.05054605578312624, 1e-9);
  EXPECT_NEAR(paired_power(8, of_t_test(1.0, 0.05 / 3)), 0.44654347311279136, 1e-9);
  EXPECT_EQ(pairs_needed(0.8, of_t_test(0.5, 0.05)), 34);         // 33.367
  EXPECT_EQ(pairs_needed(0.8, of_t_test(0.2, 0.05)), 199);        // 198.15
  EXPECT_EQ(pairs_needed(0.8, of_t_test(0.1, 0.05 / 17)), 1461);  // 1460.18
}

// Five pairs would do for the t test, but 2/2^5 > .05: six are the fewest that the signed-rank test can use.
TEST(PairsNeeded, AreAtLeastWhatTheExactTestNeeds) {
  EXPECT_EQ(pairs_needed(0.8, of_t_test(2.0, 0.05)), 6);
  PowerQuestion no_spread;
  EXPECT_EQ(pairs_needed(0.8, no_spread), 6);
  no_spread.alpha = 0.05 / 17;
  EXPECT_EQ(pairs_needed(0.8, no_spread), 10);  // 2/2^9 = .0039 > .0029
  EXPECT_EQ(paired_power(5, of_t_test(50, 0.05)), 0);
}

TEST(PairsNeeded, GrowWithSpreadAndShrinkWithTheLevel) {
  std::int64_t last = 0;
  for (const double sd : {0.01, 0.02, 0.05, 0.1, 0.3}) {
    PowerQuestion question;
    question.standard_deviation = sd;
    const std::int64_t needed = pairs_needed(0.8, question).value();
    EXPECT_GT(needed, last);
    EXPECT_GE(paired_power(needed, question), 0.8);
    EXPECT_LT(paired_power(needed - 1, question), 0.8);
    question.alpha = 0.01;
    EXPECT_GT(pairs_needed(0.8, question).value(), needed);
    last = needed;
  }
  PowerQuestion hopeless;
  hopeless.standard_deviation = 1000;
  EXPECT_EQ(pairs_needed(0.8, hopeless), std::nullopt);
}

// 38 + 10 patients of equal spread: (1/38 + 1/10)² / (1/(38²·37) + 1/(10²·9)) = 14.12 degrees of freedom, and
// power as SciPy's nct of these gives it, .5 deviations of the difference being found by 48 patients:
// nct.sf(t.isf(.025, v), v, .5 √48) + nct.cdf(-…).
TEST(PairedPower, OfAMeanOfCellsHasTheDegreesOfWelchAndSatterthwaite) {
  PowerQuestion question = of_t_test(0.5, 0.05);
  const double total = 1.0 / 38 + 1.0 / 10;
  question.strata = {{38.0 / 48, 1.0 / 38 / total}, {10.0 / 48, 1.0 / 10 / total}};
  EXPECT_NEAR(paired_power(48, question), 0.896285349539898, 1e-8);
}

// The stored differences shifted to a mean of half a deviation; normal ones, for which the noncentral t is
// known to be near. Ten of them: the formula is off by more than the 2,000 simulations are.
TEST(SimulatedPower, IsNearTheFormulaForManyNormalDifferences) {
  RandomStream random(3, "stored");
  RankedStratum stored;
  for (int i = 0; i < 200; ++i) {
    stored.a.push_back(random.normal());
    stored.b.push_back(0);
  }
  double mean = 0, squares = 0;
  for (const double value : stored.a) mean += value / 200;
  for (const double value : stored.a) squares += (value - mean) * (value - mean) / 199;
  PowerQuestion question;
  question.difference = 0.5;
  question.standard_deviation = std::sqrt(squares);
  const std::int64_t patients[] = {35};
  const double simulated = simulated_power(std::span(&stored, 1), patients, 0.5, 0.05, 2000, 1);
  EXPECT_NEAR(simulated, paired_power(35, question), 0.05);
  EXPECT_EQ(simulated, simulated_power(std::span(&stored, 1), patients, 0.5, 0.05, 2000, 1));
  const std::int64_t five[] = {5};
  EXPECT_EQ(simulated_power(std::span(&stored, 1), five, 5, 0.05, 100, 1), 0);  // 2/2^5 > .05
}

TEST(PairedPower, RefusesNoDifference) {
  PowerQuestion question;
  question.difference = 0;
  EXPECT_THROW(paired_power(10, question), DataError);
}

// Normal differences of half a deviation with as many pairs as it says: the signed-rank test finds them in 80
// of 100 studies. Four standard errors of 2,000 simulations are .036.
TEST(PairsNeeded, GiveTheSignedRankTestItsPower) {
  PowerQuestion question;
  question.difference = 0.5;
  question.standard_deviation = 1;
  const std::int64_t n = pairs_needed(0.8, question).value();
  EXPECT_EQ(n, 35);
  int found = 0;
  constexpr int kSimulations = 2000;
  for (std::uint64_t s = 0; s < kSimulations; ++s) {
    RandomStream random(s, "power");
    std::vector<double> a, b;
    for (std::int64_t i = 0; i < n; ++i) {
      a.push_back(random.normal(0.5, 1));
      b.push_back(0);
    }
    found += wilcoxon_signed_rank(a, b).p_value < 0.05 ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(found) / kSimulations, paired_power(n, question), 0.036);
}

}  // namespace
}  // namespace totum
