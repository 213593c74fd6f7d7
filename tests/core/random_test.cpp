#include "core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace totum {
namespace {

// Known answers of the Random123 distribution (Salmon et al., SC 2011), file kat_vectors, philox4x32 with 10
// rounds.
TEST(Philox, AgreesWithThePublishedKnownAnswers) {
  EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}),
            (std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32_10({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<std::uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, DependsOnEachPartOfItsName) {
  const auto first = [](RandomStream stream) { return stream.bits(); };
  const std::set<std::uint32_t> values{first({1, "crop", 2, 3}),  first({2, "crop", 2, 3}),
                                       first({1, "order", 2, 3}), first({1, "crop", 3, 3}),
                                       first({1, "crop", 2, 4}),  first({1, "crop", 3, 2})};
  EXPECT_EQ(values.size(), 6U);
  EXPECT_EQ(first({1, "crop", 2, 3}), first({1, "crop", 2, 3}));
}

TEST(RandomStream, UniformHasTheMomentsOfTheUniformDistribution) {
  RandomStream stream(7, "moments");
  constexpr int kDraws = 200000;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = stream.uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
    squares += value * value;
  }
  // Five standard errors of the mean of a uniform variable: 5 * sqrt(1/12/n) = 0.0032.
  EXPECT_NEAR(sum / kDraws, 0.5, 0.0033);
  EXPECT_NEAR(squares / kDraws, 1.0 / 3.0, 0.0034);
}

TEST(RandomStream, NormalHasMeanZeroAndVarianceOne) {
  RandomStream stream(8, "moments");
  constexpr int kDraws = 200000;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = stream.normal();
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 5.0 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 1.0, 5.0 * std::sqrt(2.0 / kDraws));
}

TEST(RandomStream, BelowIsUniformForASizeThatDividesNoPowerOfTwo) {
  RandomStream stream(9, "below");
  std::array<int, 7> counts{};
  for (int i = 0; i < 70000; ++i) ++counts.at(static_cast<std::size_t>(stream.below(7)));
  for (const int count : counts) EXPECT_NEAR(count, 10000, 5 * std::sqrt(10000 * 6.0 / 7.0));
}

TEST(RandomStream, PermutationHoldsEveryNumberOnce) {
  RandomStream stream(10, "order");
  auto order = stream.permutation(100);
  std::sort(order.begin(), order.end());
  for (std::int64_t i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
  EXPECT_TRUE(stream.permutation(0).empty());
}

}  // namespace
}  // namespace totum
