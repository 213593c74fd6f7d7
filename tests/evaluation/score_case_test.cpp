#include "evaluation/score_case.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/evaluation/published_run.h"

namespace totum {
namespace {

constexpr const char* kSplit = TOTUM_SOURCE_DIR "/data_splits/amos22.csv";

std::vector<std::int64_t> all_organs() {
  std::vector<std::int64_t> organs;
  for (std::int64_t organ = 1; organ <= kOrgans; ++organ) organs.push_back(organ);
  return organs;
}

// The sums stand in the published training log, to four decimals.
TEST(SelectionSum, ReproducesThePublishedTrainingLog) {
  const Split split = read_split(kSplit);
  const auto scores = published_run_scores(split);
  const std::map<int, double> logged{{49, 8.2338},   {99, 9.7920},   {149, 9.8587},  {199, 10.4040},
                                     {249, 10.4603}, {349, 10.5488}, {399, 10.6866}, {499, 10.6963}};
  for (const auto& [epoch, sum] : logged) {
    EXPECT_NEAR(selection_sum(scores.at(epoch), split, all_organs(), "dice_published"), sum, 6e-4) << epoch;
  }
}

// The final validation means of the published run, by test modality and modality in which the organ is
// labelled.
TEST(Relation, ReproducesThePublishedValidationMeans) {
  const Split split = read_split(kSplit);
  const auto scores = published_run_scores(split).at(499);
  const auto mean = [&](Modality modality, Relation relation) {
    double sum = 0;
    int count = 0;
    for (const Score& s : scores) {
      if (s.modality != modality || s.relation != relation) continue;
      sum += *s.value;
      ++count;
    }
    return sum / count;
  };
  EXPECT_NEAR(mean(Modality::ct, Relation::intra), 0.800, 5e-4);
  EXPECT_NEAR(mean(Modality::ct, Relation::cross), 0.724, 5e-4);
  EXPECT_NEAR(mean(Modality::mr, Relation::cross), 0.670, 5e-4);
  EXPECT_NEAR(mean(Modality::mr, Relation::intra), 0.862, 5e-4);
}

TEST(ScoreCase, GivesTwoMetricsForEachOrgan) {
  const Split split = read_split(kSplit);
  const std::vector<std::uint8_t> reference{0, 1, 1, 6};
  const std::vector<std::uint8_t> prediction{0, 1, 0, 6};
  const auto scores = score_case({"r", "amos_0001", Modality::ct, "native"}, prediction, reference, split);
  ASSERT_EQ(scores.size(), 26U);
  EXPECT_EQ(scores[0].organ, 1);
  EXPECT_EQ(scores[0].relation, Relation::cross);  // the spleen is labelled in MR only
  EXPECT_DOUBLE_EQ(*scores[0].value, 2.0 / 3.0);
  EXPECT_EQ(scores[10].organ, 6);
  EXPECT_EQ(scores[10].relation, Relation::intra);
  EXPECT_EQ(scores[2].value, std::nullopt);
}

// Neither, only predicted, only missed: the reference tells the first two from the third.
TEST(ScoreCase, TellsAHallucinationFromAMiss) {
  const Split split = read_split(kSplit);
  const std::vector<std::uint8_t> reference{0, 0, 2};
  const std::vector<std::uint8_t> prediction{0, 1, 0};
  const auto scores = score_case({"r", "amos_0001", Modality::ct, "native"}, prediction, reference, split);
  EXPECT_EQ(scores[0].value, 0.0);  // organ 1 is only predicted
  EXPECT_FALSE(scores[0].in_reference);
  EXPECT_EQ(scores[2].value, 0.0);  // organ 2 is missed
  EXPECT_TRUE(scores[2].in_reference);
  EXPECT_EQ(scores[4].value, std::nullopt);
  EXPECT_FALSE(scores[4].in_reference);
}

}  // namespace
}  // namespace totum
