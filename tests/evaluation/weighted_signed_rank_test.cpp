#include "evaluation/weighted_signed_rank.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/random.h"
#include "evaluation/signed_ranks.h"

namespace totum {
namespace {

RankedStratum stratum(const std::vector<double>& differences, double weight) {
  return {differences, std::vector<double>(differences.size(), 0.0), weight};
}

// All signs of all differences, one by one.
double slow_p(const std::vector<RankedStratum>& strata, double statistic) {
  std::vector<double> steps;
  for (const RankedStratum& one : strata) {
    const auto ranked = rank_differences(one.a, one.b, false, 1e-9);
    const auto n = static_cast<double>(ranked.size());
    for (const auto& r : ranked) {
      if (!r.is_zero) steps.push_back(one.weight * 2 / (n * (n + 1)) * r.rank);
    }
  }
  std::int64_t extreme = 0;
  for (std::int64_t signs = 0; signs < (std::int64_t{1} << steps.size()); ++signs) {
    double sum = 0;
    for (std::size_t i = 0; i < steps.size(); ++i) sum += ((signs >> i) & 1) != 0 ? steps[i] : -steps[i];
    extreme += sum >= std::abs(statistic) - 1e-12 ? 1 : 0;
  }
  return std::min(1.0, 2 * static_cast<double>(extreme) / std::ldexp(1.0, static_cast<int>(steps.size())));
}

TEST(WeightedSignedRank, EqualsAllSignsWithTiesAndZeros) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    RandomStream random(seed, "strata");
    std::vector<RankedStratum> strata;
    for (const int n : {6, 4, 3}) {
      std::vector<double> differences;
      for (int i = 0; i < n; ++i) differences.push_back(static_cast<double>(random.below(9)) - 3);
      strata.push_back(stratum(differences, 1.0 / 3));
    }
    const auto result = weighted_signed_rank(strata, {});
    ASSERT_TRUE(result.exact);
    EXPECT_NEAR(result.p_value, slow_p(strata, result.statistic), 1e-12) << seed;
  }
}

TEST(WeightedSignedRank, OfOneStratumIsTheSignedRankTest) {
  const RankedStratum one = stratum({.03, -.01, .02, .05, 0, .01}, 1);
  EXPECT_EQ(weighted_signed_rank(std::span(&one, 1), {}).p_value, wilcoxon_signed_rank(one.a, one.b).p_value);
}

// Four patients of the small cell weigh as much as forty of the large one: pooled, the large cell would
// decide.
TEST(WeightedSignedRank, WeighsCellsAlike) {
  std::vector<double> large, small;
  for (int i = 1; i <= 40; ++i) large.push_back(i % 2 == 0 ? 0.01 * i : -0.01 * i + 0.004);
  for (int i = 1; i <= 4; ++i) small.push_back(-0.1 * i);
  const RankedStratum strata[] = {stratum(large, 0.5), stratum(small, 0.5)};
  EXPECT_NEAR(weighted_signed_rank(strata, {}).statistic, 0.5 * 20.0 * 2 / (40 * 41) - 0.5, 1e-12);
}

TEST(WeightedSignedRank, OneSidedHalvesAddUp) {
  const RankedStratum strata[] = {stratum({.03, -.01, .02, .05}, 0.5), stratum({-.02, .012, .004}, 0.5)};
  SignedRankOptions options;
  options.alternative = Alternative::greater;
  const double greater = weighted_signed_rank(strata, options).p_value;
  EXPECT_DOUBLE_EQ(greater, 25.0 / 128);  // counted in Python: sums of .4 or more
  options.alternative = Alternative::less;
  EXPECT_GT(weighted_signed_rank(strata, options).p_value, 1 - greater);
}

// Without a continuity correction it is off by half a step of the ranks at most, here .004.
TEST(WeightedSignedRank, TheNormalApproximationIsNearTheExactValue) {
  RandomStream random(5, "strata");
  std::vector<double> a, b;
  for (int i = 0; i < 45; ++i) {
    a.push_back(random.normal(0.2, 1));
    b.push_back(random.normal(0.2, 1));
  }
  const RankedStratum strata[] = {stratum(a, 0.5), stratum(b, 0.5)};
  SignedRankOptions normal;
  normal.distribution = Distribution::normal;
  EXPECT_NEAR(weighted_signed_rank(strata, normal).p_value, weighted_signed_rank(strata, {}).p_value, 0.006);
  EXPECT_FALSE(weighted_signed_rank(strata, normal).exact);
}

// The critical value lies where the exact p passes the level.
TEST(CriticalWeightedSignedRank, IsTheLeastSignificantStatistic) {
  const std::int64_t pairs[] = {12};
  const double weights[] = {1};
  const double critical = critical_weighted_signed_rank(pairs, weights, 0.05);
  // Published tables: W <= 13 for n = 12, two-sided .05.
  EXPECT_LE(critical, (78 - 2 * 13) / 78.0);
  EXPECT_GT(critical, (78 - 2 * 14) / 78.0);
  const std::int64_t five[] = {5};
  EXPECT_TRUE(std::isinf(critical_weighted_signed_rank(five, weights, 0.05)));
}

}  // namespace
}  // namespace totum
