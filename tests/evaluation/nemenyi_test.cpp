#include "evaluation/nemenyi.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/random.h"
#include "evaluation/ranking.h"
#include "evaluation/studentised_range.h"

namespace totum {
namespace {

// SciPy 1.17.1: studentized_range.sf(q, k, inf) and .ppf(1 - tail, k, inf).
TEST(StudentisedRange, EqualsSciPys) {
  EXPECT_NEAR(range_tail(1.0, 2), 0.4795001221869535, 1e-13);
  EXPECT_NEAR(range_tail(3.3, 3), 0.05131090641818992, 1e-12);
  EXPECT_NEAR(range_tail(4.5, 10), 0.04730582731292854, 1e-12);
  EXPECT_NEAR(range_tail(2.0, 18), 0.995233587951948, 1e-12);
  EXPECT_NEAR(range_tail(6.5, 18), 0.0006076878361015448, 1e-12);
  EXPECT_NEAR(range_quantile(0.05, 2), 2.771807648699355, 1e-9);
  EXPECT_NEAR(range_quantile(0.05, 10), 4.474124221725907, 1e-9);
  EXPECT_NEAR(range_quantile(0.01, 18), 5.5740469082576704, 1e-9);
}

// The range of two values is |N(0,2)|, so its tail is erfc(q/2), to the last digits far out.
TEST(StudentisedRange, OfTwoValuesIsANormalsTail) {
  for (const double q : {0.1, 1.0, 4.0, 10.0, 20.0})
    EXPECT_NEAR(range_tail(q, 2) / std::erfc(q / 2), 1, 1e-10) << q;
}

TEST(StudentisedRange, OfMoreValuesIsWider) {
  for (std::int64_t k = 2; k < 30; ++k) EXPECT_LT(range_tail(3, k), range_tail(3, k + 1));
  EXPECT_EQ(range_tail(0, 5), 1);
  EXPECT_EQ(range_tail(-1, 5), 1);
  EXPECT_THROW(range_tail(1, 1), DataError);
  EXPECT_THROW(range_quantile(0, 3), DataError);
}

// Demšar, JMLR 7 (2006) 1, section 3.2.2: four classifiers on 14 data sets, q = 2.569: 1.25.
TEST(Nemenyi, CriticalDifferenceOfDemsarsExample) {
  EXPECT_NEAR(nemenyi_critical_difference(0.05, 4, 14), 1.25, 0.005);
}

TEST(Nemenyi, PIsTheLevelAtTheCriticalDifference) {
  const double apart = nemenyi_critical_difference(0.05, 3, 24);
  const double ranks[] = {1.5, 1.5 + apart, 1.5};
  const auto p = nemenyi_p(ranks, 24);
  EXPECT_NEAR(p[0][1], 0.05, 1e-9);
  EXPECT_EQ(p[0][1], p[1][0]);
  EXPECT_EQ(p[0][2], 1);
  EXPECT_EQ(p[1][1], 1);
}

// All pairs together: under the null hypothesis any pair is found in at most 5 of 100 studies.
TEST(Nemenyi, KeepsTheFamilyWiseLevelUnderTheNull) {
  int found = 0;
  constexpr int kSimulations = 3000;
  const double critical = nemenyi_critical_difference(0.05, 6, 24);
  for (std::uint64_t s = 0; s < kSimulations; ++s) {
    RandomStream random(s, "nemenyi");
    std::vector<std::vector<double>> values(6, std::vector<double>(24));
    for (auto& of_method : values) {
      for (double& value : of_method) value = random.normal();
    }
    const auto ranks = mean_ranks(values, 0);
    const auto [low, high] = std::minmax_element(ranks.begin(), ranks.end());
    found += *high - *low > critical ? 1 : 0;
  }
  const double level = static_cast<double>(found) / kSimulations;
  EXPECT_LE(level, 0.05 + 0.016);
  EXPECT_GE(level, 0.03);
}

}  // namespace
}  // namespace totum
