#include "evaluation/dice.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/error.h"
#include "core/random.h"

namespace totum {
namespace {

using Labels = std::vector<std::uint8_t>;

OverlapCounts counts_of(const Labels& prediction, const Labels& reference, std::int64_t organ) {
  return overlap_counts(prediction, reference)[static_cast<std::size_t>(organ - 1)];
}

TEST(Dice, IsUndefinedWhenTheOrganIsInNeitherMap) { EXPECT_EQ(dice({0, 0, 0}), std::nullopt); }

TEST(Dice, IsZeroWhenTheOrganIsOnlyPredictedOrOnlyMissed) {
  EXPECT_EQ(dice({5, 0, 0}), 0.0);
  EXPECT_EQ(dice({0, 5, 0}), 0.0);
}

TEST(Dice, IsTwiceTheOverlapOverTheSum) { EXPECT_DOUBLE_EQ(*dice({10, 6, 4}), 0.5); }

TEST(OverlapCounts, CountsVoxelsOfEachOrgan) {
  const Labels prediction{0, 1, 1, 2, 13, 0, 0, 0, 0, 1};
  const Labels reference{0, 1, 2, 2, 13, 13, 0, 0, 0, 0};
  const OverlapCounts one = counts_of(prediction, reference, 1);
  EXPECT_EQ(one.prediction, 3);
  EXPECT_EQ(one.reference, 1);
  EXPECT_EQ(one.both, 1);
  EXPECT_EQ(counts_of(prediction, reference, 13).reference, 2);
  EXPECT_EQ(counts_of(prediction, reference, 7).reference, 0);
}

// The obvious slow version, on lengths that are no multiple of the eight voxels read at once.
TEST(OverlapCounts, EqualsTheSlowVersion) {
  for (const std::int64_t voxels : {1, 7, 8, 9, 1003}) {
    RandomStream random(1, "labels", static_cast<std::uint64_t>(voxels));
    Labels prediction, reference;
    for (std::int64_t i = 0; i < voxels; ++i) {
      prediction.push_back(static_cast<std::uint8_t>(random.below(14)));
      reference.push_back(
          static_cast<std::uint8_t>(random.chance(0.5) ? prediction.back() : random.below(14)));
    }
    for (std::int64_t organ = 1; organ <= kOrgans; ++organ) {
      OverlapCounts slow;
      for (std::size_t i = 0; i < prediction.size(); ++i) {
        slow.prediction += prediction[i] == organ;
        slow.reference += reference[i] == organ;
        slow.both += prediction[i] == organ && reference[i] == organ;
      }
      const OverlapCounts fast = counts_of(prediction, reference, organ);
      EXPECT_EQ(fast.prediction, slow.prediction);
      EXPECT_EQ(fast.reference, slow.reference);
      EXPECT_EQ(fast.both, slow.both);
    }
  }
}

TEST(OverlapCounts, RefusesOtherLengthsAndUnknownLabels) {
  EXPECT_THROW(overlap_counts(Labels(3), Labels(4)), DataError);
  EXPECT_THROW(overlap_counts(Labels{14}, Labels{0}), DataError);
  EXPECT_THROW(overlap_counts(Labels{0}, Labels{16}), DataError);
  EXPECT_THROW(overlap_counts(Labels(8, 255), Labels(8, 0)), DataError);
}

// Golden numbers of the design for the published code's Dice.
TEST(DicePublished, HasOneInTheDenominator) {
  EXPECT_NEAR(dice_published({1000, 1000, 900}), 0.89955, 5e-6);
  EXPECT_EQ(dice_published({0, 0, 0}), 0.0);
}

}  // namespace
}  // namespace totum
