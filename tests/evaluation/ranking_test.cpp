#include "evaluation/ranking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace totum {
namespace {

using testing::ElementsAre;

TEST(MeanRanks, BestHasRankOneAndTiesShareTheirRank) {
  // Case 1: ranks 1, 2, 3. Case 2: 2 and 3 are tied behind 1. Case 3: all tied.
  EXPECT_THAT(mean_ranks({{0.9, 0.8, 0.5}, {0.7, 0.3, 0.5}, {0.1, 0.3, 0.5}}, 0),
              ElementsAre((1 + 1 + 2) / 3.0, (2 + 2.5 + 2) / 3.0, (3 + 2.5 + 2) / 3.0));
}

TEST(MeanRanks, ValuesWithinTheToleranceTie) {
  EXPECT_THAT(mean_ranks({{0.3}, {0.1 + 0.2}}, 1e-9), ElementsAre(1.5, 1.5));
  EXPECT_THAT(mean_ranks({{0.3}, {0.1 + 0.2}}, 0), ElementsAre(2.0, 1.0));
}

TEST(MeanRanks, NothingToRankGivesNothing) {
  EXPECT_THAT(mean_ranks({}, 0), testing::IsEmpty());
  EXPECT_THAT(mean_ranks({{}, {}}, 0), testing::IsEmpty());
  EXPECT_THAT(mean_ranks({{0.5, 0.4}}, 0), ElementsAre(1.0));
}

TEST(MeanRanks, RefusesUnequalCases) { EXPECT_THROW(mean_ranks({{0.5}, {0.5, 0.6}}, 0), DataError); }

}  // namespace
}  // namespace totum
