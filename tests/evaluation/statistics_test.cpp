// Edges and properties of the statistics; values against other programs are in statistics_parity_test.cpp.

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <optional>

#include "core/error.h"
#include "core/random.h"
#include "evaluation/corrections.h"
#include "evaluation/effect_size.h"
#include "evaluation/intervals.h"
#include "evaluation/kendall_tau.h"
#include "evaluation/sign_test.h"
#include "evaluation/wilcoxon.h"

namespace totum {
namespace {

using Values = std::vector<double>;

TEST(Wilcoxon, GivesOneWhenAllDifferencesAreZero) {
  for (const ZeroRule rule : {ZeroRule::pratt, ZeroRule::wilcox, ZeroRule::zsplit}) {
    SignedRankOptions options;
    options.zeros = rule;
    EXPECT_EQ(wilcoxon_signed_rank(Values{.5, .6}, Values{.5, .6}, options).p_value, 1.0);
  }
}

TEST(Wilcoxon, RefusesBadInput) {
  EXPECT_THROW(wilcoxon_signed_rank(Values{1}, Values{1, 2}), DataError);
  EXPECT_THROW(wilcoxon_signed_rank(Values{}, Values{}), DataError);
  EXPECT_THROW(wilcoxon_signed_rank(Values{NAN}, Values{1}), DataError);
  EXPECT_THROW(wilcoxon_signed_rank(Values{1}, Values{INFINITY}), DataError);
}

TEST(Wilcoxon, TiesDifferencesThatDifferInTheLastBitOnly) {
  const Values a{0.8 - 0.1 + 0.1, 0.3, 0.5};
  const Values b{0.7, 0.2, 0.7};  // differences 0.1, 0.1, -0.2 up to rounding
  EXPECT_EQ(wilcoxon_signed_rank(a, b).ties, 2);
}

// With ties and zeros the exact p must be the share of sign flips that are as extreme, counted one by one.
TEST(Wilcoxon, ExactDistributionEqualsTheEnumerationOfSignFlips) {
  const Values a{3, 1, -2, 0, 2, 2, 5, -1, 0, 4};
  const Values b(a.size(), 0.0);
  for (const ZeroRule rule : {ZeroRule::pratt, ZeroRule::wilcox}) {
    SignedRankOptions options;
    options.zeros = rule;
    const double observed = wilcoxon_signed_rank(a, b, options).statistic;
    int extreme = 0;
    constexpr int kFlips = 1 << 10;
    for (int flips = 0; flips < kFlips; ++flips) {
      Values flipped = a;
      for (std::size_t i = 0; i < a.size(); ++i) flipped[i] *= ((flips >> i) & 1) != 0 ? -1 : 1;
      if (wilcoxon_signed_rank(flipped, b, options).statistic <= observed) ++extreme;
    }
    EXPECT_NEAR(wilcoxon_signed_rank(a, b, options).p_value, static_cast<double>(extreme) / kFlips, 1e-12);
  }
}

TEST(Wilcoxon, IsSymmetricAndUnchangedByShifts) {
  const Values a{.61, .72, .55, .80, .43, .66};
  const Values b{.60, .70, .58, .71, .40, .61};
  const double p = wilcoxon_signed_rank(a, b).p_value;
  EXPECT_EQ(wilcoxon_signed_rank(b, a).p_value, p);
  Values shifted_a = a, shifted_b = b;
  for (std::size_t i = 0; i < a.size(); ++i) {
    shifted_a[i] += 3;
    shifted_b[i] += 3;
  }
  EXPECT_NEAR(wilcoxon_signed_rank(shifted_a, shifted_b).p_value, p, 1e-12);
}

// Under the null hypothesis P(p <= 0.05) must not exceed 0.05; four standard errors of 4,000 simulations are
// 0.014.
TEST(Wilcoxon, KeepsItsLevelUnderTheNull) {
  for (const std::int64_t n : {10, 48, 80}) {
    int rejected = 0;
    constexpr int kSimulations = 4000;
    for (int s = 0; s < kSimulations; ++s) {
      RandomStream random(11, "null", static_cast<std::uint64_t>(s), static_cast<std::uint64_t>(n));
      Values a, b;
      for (std::int64_t i = 0; i < n; ++i) {
        a.push_back(random.normal());
        b.push_back(random.normal());
      }
      rejected += wilcoxon_signed_rank(a, b).p_value <= 0.05 ? 1 : 0;
    }
    EXPECT_LE(static_cast<double>(rejected) / kSimulations, 0.05 + 0.014) << n;
    EXPECT_GE(static_cast<double>(rejected) / kSimulations, 0.03) << n;
  }
}

// Only order and sign of the differences count: a strictly increasing odd function of them changes nothing.
TEST(Wilcoxon, IsUnchangedByMonotoneChangeOfTheDifferences) {
  RandomStream random(13, "monotone");
  Values d, cubed;
  for (int i = 0; i < 30; ++i) {
    d.push_back(random.normal());
    cubed.push_back(d.back() * d.back() * d.back() * 5);
  }
  SignedRankOptions options;
  options.tie_tolerance = 0;
  const Values zero(d.size(), 0.0);
  EXPECT_EQ(wilcoxon_signed_rank(d, zero, options).p_value,
            wilcoxon_signed_rank(cubed, zero, options).p_value);
}

TEST(Wilcoxon, OneSidedPValuesPointOppositeWays) {
  const Values a{.61, .72, .55, .80, .43, .66};
  const Values b{.60, .70, .58, .71, .40, .61};
  SignedRankOptions greater, less;
  greater.alternative = Alternative::greater;
  less.alternative = Alternative::less;
  EXPECT_EQ(wilcoxon_signed_rank(a, b, greater).p_value, wilcoxon_signed_rank(b, a, less).p_value);
  EXPECT_LT(wilcoxon_signed_rank(a, b, greater).p_value, wilcoxon_signed_rank(a, b, less).p_value);
}

// Exact and normal p of 50 pairs agree to the normal approximation's quality; the switch makes no step.
TEST(Wilcoxon, ExactAndNormalAgreeAtFiftyPairs) {
  RandomStream random(14, "fifty");
  Values a, b;
  for (int i = 0; i < 50; ++i) {
    a.push_back(std::round(random.normal(0.3, 1) * 20) / 20);  // with ties and zeros
    b.push_back(0);
  }
  for (const ZeroRule rule : {ZeroRule::pratt, ZeroRule::wilcox, ZeroRule::zsplit}) {
    SignedRankOptions exact, normal;
    exact.zeros = normal.zeros = rule;
    normal.distribution = Distribution::normal;
    EXPECT_TRUE(wilcoxon_signed_rank(a, b, exact).exact);
    EXPECT_NEAR(wilcoxon_signed_rank(a, b, exact).p_value, wilcoxon_signed_rank(a, b, normal).p_value, 2e-3);
  }
}

TEST(SmallestSignedRankP, IsTwoOverTwoToTheN) {
  EXPECT_EQ(smallest_signed_rank_p(1), 1.0);
  EXPECT_EQ(smallest_signed_rank_p(6), 2.0 / 64);
}

TEST(Corrections, KeepOrderCapAtOneAndRefuseBadInput) {
  EXPECT_EQ(holm(Values{0.6, 0.01}), (Values{0.6, 0.02}));
  EXPECT_EQ(holm(Values{0.9, 0.8}), (Values{1.0, 1.0}));
  EXPECT_TRUE(holm(Values{}).empty());
  EXPECT_THROW(holm(Values{NAN}), DataError);
  EXPECT_THROW(benjamini_hochberg(Values{1.5}), DataError);
}

// statsmodels 0.15.0: multipletests(p, method="simes-hochberg").
TEST(Corrections, HochbergEqualsStatsmodelsAndIsNeverAboveHolm) {
  const Values p{0.01, 0.04, 0.03, 0.005, 0.2, 0.04};
  const Values expected{0.05, 0.08, 0.08, 0.03, 0.2, 0.08};
  const Values got = hochberg(p);
  for (std::size_t i = 0; i < p.size(); ++i) {
    EXPECT_NEAR(got[i], expected[i], 1e-15);
    EXPECT_LE(got[i], holm(p)[i]);
    EXPECT_GE(got[i], benjamini_hochberg(p)[i]);
  }
  EXPECT_EQ(adjusted_p("hochberg", p), got);
  EXPECT_THROW(adjusted_p("none", p), DataError);
}

// SciPy 1.17.1: binomtest(wins, wins + losses).pvalue.
TEST(SignTest, EqualsSciPy) {
  EXPECT_NEAR(sign_test_p(2, 8), 0.109375, 1e-15);
  EXPECT_EQ(sign_test_p(5, 5), 1);
  EXPECT_NEAR(sign_test_p(9, 1), 0.021484375, 1e-15);
  EXPECT_NEAR(sign_test_p(0, 6), 0.03125, 1e-15);
  EXPECT_NEAR(sign_test_p(17, 7), 0.06391465663909912, 1e-14);
  EXPECT_NEAR(sign_test_p(60, 40), 0.05688793364098089, 1e-14);
  EXPECT_EQ(sign_test_p(0, 0), 1);
}

// The level that the test has in truth, added up over all outcomes of n fair signs: never above the asked
// one, and at most one step of the distribution below it.
TEST(SignTest, KeepsItsLevelExactly) {
  for (const std::int64_t n : {1, 5, 10, 24, 48}) {
    for (const double alpha : {0.01, 0.05, 0.2}) {
      double level = 0;
      double next_step = 1;
      double probability = std::ldexp(1.0, -static_cast<int>(n));
      for (std::int64_t wins = 0; wins <= n; ++wins) {
        if (sign_test_p(wins, n - wins) <= alpha) {
          level += probability;
        } else {
          next_step = std::min(next_step, 2 * probability);
        }
        probability *= static_cast<double>(n - wins) / static_cast<double>(wins + 1);
      }
      EXPECT_LE(level, alpha + 1e-12);
      EXPECT_GT(level + next_step, alpha);
      EXPECT_EQ(sign_test_p(n, 0), sign_test_p(0, n));
    }
  }
}

// SciPy 1.17.1: kendalltau(a, b).statistic, tau-b.
TEST(KendallTau, EqualsSciPy) {
  EXPECT_NEAR(kendall_tau(Values{1, 2, 3, 4, 5}, Values{1, 3, 2, 5, 4}).value(), 0.6, 1e-15);
  EXPECT_NEAR(kendall_tau(Values{1, 2, 2, 4, 5, 5}, Values{1, 3, 2, 4, 4, 6}).value(), 0.8894991799933215,
              1e-15);
  EXPECT_NEAR(kendall_tau(Values{12, 2, 1, 12, 2}, Values{1, 4, 7, 1, 0}).value(), -0.4714045207910316,
              1e-15);
}

TEST(KendallTau, IsOneForTheSameOrderAndNothingWithoutOne) {
  EXPECT_EQ(kendall_tau(Values{1, 2, 3}, Values{10, 20, 300}), 1);
  EXPECT_EQ(kendall_tau(Values{1, 2, 3}, Values{3, 2, 1}), -1);
  EXPECT_EQ(kendall_tau(Values{1, 1, 1}, Values{3, 2, 1}), std::nullopt);
  EXPECT_EQ(kendall_tau(Values{}, Values{}), std::nullopt);
  EXPECT_THROW(kendall_tau(Values{1}, Values{1, 2}), DataError);
}

TEST(HodgesLehmann, IntervalCoversTheShiftAsOftenAsItSays) {
  int covered = 0;
  constexpr int kSimulations = 2000;
  for (int s = 0; s < kSimulations; ++s) {
    RandomStream random(12, "shift", static_cast<std::uint64_t>(s));
    Values a, b;
    for (int i = 0; i < 12; ++i) {
      b.push_back(random.normal());
      a.push_back(b.back() + 0.3 + random.normal());
    }
    const auto interval = hodges_lehmann(a, b, 0.95);
    EXPECT_GE(interval.confidence, 0.95);
    covered += interval.low <= 0.3 && 0.3 <= interval.high ? 1 : 0;
  }
  EXPECT_GE(static_cast<double>(covered) / kSimulations, 0.95 - 4 * std::sqrt(.05 * .95 / kSimulations));
}

TEST(TInterval, EqualsTheTextbook) {
  // n = 4, mean 2.5, sd 1.2910; t(0.975, 3) = 3.182446305 from any table.
  const Interval interval = t_interval(Values{1, 2, 3, 4}, 0.95).value();
  EXPECT_NEAR(interval.low, 2.5 - 3.182446305 * std::sqrt(5.0 / 3.0) / 2, 1e-8);
  EXPECT_NEAR(interval.high, 2.5 + 3.182446305 * std::sqrt(5.0 / 3.0) / 2, 1e-8);
}

TEST(Bootstrap, GivesTheSameBytesForAnyNumberOfThreads) {
  const Values values{.1, .5, .7, .9, .2};
  EXPECT_EQ(bootstrap_means(values, 1000, 3, 1), bootstrap_means(values, 1000, 3, 4));
  EXPECT_NE(bootstrap_means(values, 1000, 3, 1), bootstrap_means(values, 1000, 4, 1));
}

TEST(BcaInterval, IsAPointForAConstant) {
  const Values values{.5, .5, .5};
  const Interval interval = bca_interval(values, bootstrap_means(values, 100, 1, 1), 0.95).value();
  EXPECT_EQ(interval.low, .5);
  EXPECT_EQ(interval.high, .5);
}

// Clusters of one value are ordinary values; clusters of equal counts are their means.
TEST(ClusteredMean, ReducesToOrdinaryMeans) {
  const Values values{.1, .5, .7, .9, .2};
  std::vector<Cluster> pairs;
  for (const double v : values) pairs.push_back({2 * v, 2});
  const Interval of_values = t_interval(values, 0.95).value();
  const Interval of_pairs = t_interval(clustered_mean(pairs), 0.95).value();
  EXPECT_NEAR(of_values.low, of_pairs.low, 1e-14);
  EXPECT_NEAR(of_values.high, of_pairs.high, 1e-14);
  EXPECT_EQ(bootstrap_means(values, 50, 3, 1), bootstrap_means(pairs, 50, 3, 1));
}

TEST(Intervals, AreAbsentForOneValue) {
  EXPECT_EQ(t_interval(Values{.5}, 0.95), std::nullopt);
  EXPECT_EQ(bca_interval(Values{.5}, bootstrap_means(Values{.5}, 100, 1, 1), 0.95), std::nullopt);
}

// Two samples of 8 and 3 differences. SciPy 1.17.1: ttest_ind(x, -y, equal_var=False) is Welch's test of
// mean(x) + mean(y), so half its confidence interval is that of the plain mean of the two means.
const Values kEight{.03, -.01, .02, .05, .012, .04, .01, .06};
const Values kThree{-.02, .01, .004};

ClusteredMean mean_and_error(const Values& values) {
  std::vector<Cluster> clusters;
  for (const double v : values) clusters.push_back({v, 1});
  return clustered_mean(clusters);
}

TEST(MeanOfMeans, HasWelchsIntervalAsSciPyGivesIt) {
  const ClusteredMean parts[] = {mean_and_error(kEight), mean_and_error(kThree)};
  const ClusteredMean mean = mean_of_means(parts);
  EXPECT_NEAR(mean.mean, 0.01225, 1e-15);
  EXPECT_NEAR(mean.degrees_of_freedom, 5.446794697700416, 1e-12);
  const Interval interval = t_interval(mean, 0.95).value();
  EXPECT_NEAR(interval.low, -0.003138374303453201, 1e-14);
  EXPECT_NEAR(interval.high, 0.0276383743034532, 1e-14);
}

TEST(MeanOfMeans, HasNoIntervalIfAPartIsASingleValue) {
  const ClusteredMean parts[] = {mean_and_error(kEight), mean_and_error({.1})};
  EXPECT_NEAR(mean_of_means(parts).mean, (0.0265 + 0.1) / 2, 1e-15);
  EXPECT_EQ(t_interval(mean_of_means(parts), 0.95), std::nullopt);
}

TEST(MeanOfMeans, OfOnePartIsThatPart) {
  const ClusteredMean part[] = {mean_and_error(kEight)};
  EXPECT_EQ(mean_of_means(part).standard_error, part[0].standard_error);
  EXPECT_EQ(mean_of_means(part).degrees_of_freedom, 7);
}

// The a_hat of SciPy 1.17.1's bootstrap((x, y), lambda x, y: (mean(x) + mean(y))/2, method="BCa").
TEST(Acceleration, OfTwoPartsEqualsSciPys) {
  std::vector<std::vector<double>> left_out;
  for (const Values& values : {kEight, kThree}) {
    const double sum = std::accumulate(values.begin(), values.end(), 0.0);
    left_out.emplace_back();
    for (const double v : values)
      left_out.back().push_back((sum - v) / static_cast<double>(values.size() - 1));
  }
  EXPECT_NEAR(acceleration(left_out), -0.020558587074125265, 1e-14);
}

TEST(BcaInterval, FollowsAShift) {
  const Values values{.1, .5, .7, .9, .2, .3, .35};
  Values shifted = values;
  for (double& v : shifted) v += 2;
  const Interval a = bca_interval(values, bootstrap_means(values, 2000, 3, 1), 0.95).value();
  const Interval b = bca_interval(shifted, bootstrap_means(shifted, 2000, 3, 1), 0.95).value();
  EXPECT_NEAR(a.low + 2, b.low, 1e-12);
  EXPECT_NEAR(a.high + 2, b.high, 1e-12);
  EXPECT_LT(a.low, 0.43);
  EXPECT_GT(a.high, 0.43);
}

// Under the null the exact sign-flip p is uniform: P(p <= q) <= q, and close to it. Four standard errors are
// .014.
TEST(SignFlipP, KeepsItsLevelUnderTheNull) {
  for (const std::int64_t n : {8, 30}) {
    int rejected = 0;
    constexpr int kSimulations = 4000;
    for (std::uint64_t s = 0; s < kSimulations; ++s) {
      RandomStream random(15, "flips under the null", s, static_cast<std::uint64_t>(n));
      Values differences;
      for (std::int64_t i = 0; i < n; ++i) differences.push_back(random.normal());
      rejected += sign_flip_p(differences, 199, s) <= 0.05 ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(rejected) / kSimulations, n == 8 ? 12.0 / 256 : 0.05, 0.014) << n;
  }
}

TEST(SignFlipP, IsExactForFewPairs) {
  EXPECT_DOUBLE_EQ(sign_flip_p(Values{1, 2, 3, 4, 5}, 100, 0), 2.0 / 32);
  EXPECT_DOUBLE_EQ(sign_flip_p(Values{0, 0}, 100, 0), 1.0);
}

}  // namespace
}  // namespace totum
