#include "evaluation/friedman.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/random.h"

namespace totum {
namespace {

using Values = std::vector<std::vector<double>>;  // [method][case]

Values random_values(std::size_t methods, std::size_t cases, std::uint64_t seed) {
  RandomStream random(seed, "friedman");
  Values values(methods, std::vector<double>(cases));
  for (auto& of_method : values) {
    for (double& value : of_method) value = random.normal();
  }
  return values;
}

// By hand: ranks 1 2 3 in each of four cases; chi-square n(k-1) = 8 with 2 degrees of freedom: p = exp(-4).
TEST(Friedman, OfCasesThatAllAgreeHasNoF) {
  const auto result = friedman_test({{.9, .8, .7, .9}, {.5, .6, .6, .5}, {.1, .2, .3, .4}}, 0);
  EXPECT_DOUBLE_EQ(result.statistic, 8);
  EXPECT_NEAR(result.p_value, std::exp(-4), 1e-15);
  EXPECT_DOUBLE_EQ(result.kendall_w, 1);
  EXPECT_EQ(result.f, std::nullopt);
  EXPECT_EQ(result.deciding_p(), result.p_value);
  EXPECT_THAT(result.mean_ranks, testing::ElementsAre(1, 2, 3));
}

TEST(Friedman, OfTiesAloneIsOne) {
  const auto result = friedman_test({{.5, .6}, {.5, .6}, {.5, .6}}, 0);
  EXPECT_EQ(result.statistic, 0);
  EXPECT_EQ(result.p_value, 1);
  EXPECT_EQ(result.deciding_p(), 1);
}

TEST(Friedman, RefusesBadInput) {
  EXPECT_THROW(friedman_test({{1, 2}, {2, 1}}, 0), DataError);
  EXPECT_THROW(friedman_test({{}, {}, {}}, 0), DataError);
  EXPECT_THROW(friedman_test({{1, 2}, {1}, {1, 2}}, 0), DataError);
  EXPECT_THROW(friedman_test({{1, NAN}, {1, 2}, {1, 2}}, 0), DataError);
}

// Only the order within a case counts: neither the methods' order nor a growing function of a case's values.
TEST(Friedman, IsUnchangedByPermutationAndMonotoneChange) {
  Values values = random_values(4, 12, 3);
  const auto before = friedman_test(values, 0);
  for (std::size_t c = 0; c < 12; ++c) {
    for (auto& of_method : values) of_method[c] = std::exp(of_method[c]) + static_cast<double>(c);
  }
  std::swap(values[0], values[2]);
  const auto after = friedman_test(values, 0);
  EXPECT_NEAR(before.statistic, after.statistic, 1e-12);
  EXPECT_NEAR(*before.f_p_value, *after.f_p_value, 1e-12);
  EXPECT_EQ(before.mean_ranks[0], after.mean_ranks[2]);
}

// Under the null hypothesis both p are uniform but for their steps and their approximation; four standard
// errors of 4,000 simulations are .014.
TEST(Friedman, KeepsItsLevelUnderTheNull) {
  int by_chi_square = 0;
  int by_f = 0;
  constexpr int kSimulations = 4000;
  for (std::uint64_t s = 0; s < kSimulations; ++s) {
    const auto result = friedman_test(random_values(5, 24, 100 + s), 0);
    by_chi_square += result.p_value < 0.05 ? 1 : 0;
    by_f += *result.f_p_value < 0.05 ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(by_chi_square) / kSimulations, 0.05, 0.014);
  EXPECT_NEAR(static_cast<double>(by_f) / kSimulations, 0.05, 0.014);
  EXPECT_GE(by_f, by_chi_square);  // the less conservative of the two
}

}  // namespace
}  // namespace totum
