#include "reports/sentence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace totum {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

// A test of 38 cases that decided nothing; every other one is this with changes.
json test_of(const std::string& verdict, const json& changes = json::object()) {
  json test{{"pairs", 38},
            {"mean_difference", 0.0213},
            {"ci95", {-0.0004, 0.0411}},
            {"decided_by", "signed-rank"},
            {"estimand", "mean over patients of each one's mean over organs"},
            {"pooled_mean_difference", 0.02},
            {"mean_over_organs_difference", 0.02},
            {"contradicted_by", json::array()},
            {"fewest_patients", 38},
            {"failures_not_excluded", 0.0758},
            {"may_be_equivalent", true},
            {"p_signed_rank", 0.0004},
            {"patients_that_differ", 36},
            {"p_adjusted", 0.0712},
            {"p_equivalence_adjusted", 0.6},
            {"smallest_p_adjusted", 1e-10},
            {"wins", 22},
            {"ties_in_outcome", 2},
            {"losses", 14},
            {"verdict", verdict},
            {"patients", 38},
            {"spread", "varying"},
            {"organ_values_left_out", 0},
            {"patients_left_out", 0}};
  test.update(changes);
  return test;
}

std::string said(const json& test, const TableSpec& table = {}) {
  return comparison_sentence(test, "Ours", "Theirs", "CT", table);
}

TEST(Sentence, IsWhatAPaperWouldPrint) {
  EXPECT_EQ(
      said(test_of("better", {{"ci95", {0.0042, 0.0381}}, {"p_adjusted", 0.0123}})),
      "CT, 38 cases: the mean Dice over patients of Ours was higher by 2.1 points than that of Theirs (95 "
      "% CI of the "
      "difference 0.4 to 3.8; Wilcoxon signed-rank, Holm-adjusted p = 0.0123; 22 wins, 2 ties, 14 losses); "
      "significantly better at 0.05.");
}

TEST(Sentence, WithoutSignificanceClaimsNoDifferenceAndNoEquality) {
  const std::string text = said(test_of("undecided"));
  EXPECT_THAT(text, HasSubstr("undecided: neither a difference nor equivalence is shown"));
  EXPECT_THAT(text, Not(HasSubstr("significant")));
  EXPECT_THAT(text, Not(HasSubstr("equivalent")));
}

TEST(Sentence, AnIntervalNeverBeginsWithMinusZero) {
  EXPECT_THAT(said(test_of("undecided")), HasSubstr("95 % CI of the difference 0.0 to 4.1;"));
}

TEST(Sentence, EquivalenceNamesItsMarginAndItsOwnP) {
  const std::string text =
      said(test_of("equivalent", {{"mean_difference", 0.0004}, {"p_equivalence_adjusted", 0.0312}}));
  EXPECT_THAT(text, HasSubstr("was within 0.1 points of that of Theirs"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "equivalent within 1 Dice point (two one-sided t tests, adjusted p = 0.0312, and the 95 % BCa "
          "interval within it); failures in up to 8 % of patients can't be excluded by 38 cases."));
}

TEST(Sentence, ADifferenceTooSmallToMatterIsSaidToBeSo) {
  const json small{{"mean_difference", 0.003},
                   {"ci95", {0.001, 0.005}},
                   {"p_adjusted", 0.01},
                   {"p_equivalence_adjusted", 0.001}};
  EXPECT_THAT(said(test_of("better", small)),
              HasSubstr("significantly better at 0.05, yet equivalent within 1 Dice "
                        "point (two one-sided t tests, adjusted p = 0.001, "));
}

TEST(Sentence, WhatCouldNotBeDecidedIsNoFinding) {
  const std::string text = said(
      test_of("unreachable", {{"pairs", 7}, {"patients_that_differ", 5}, {"smallest_p_adjusted", 0.125}}));
  EXPECT_THAT(text,
              HasSubstr("not decidable: 5 cases differ in score, which can't give less than p = 0.125 after "
                        "correction"));
  EXPECT_THAT(text, Not(HasSubstr("significant")));
}

// Two methods that miss everything have equal scores in every case: that is no proof of anything.
TEST(Sentence, IdenticalScoresAreSaidToBeThat) {
  const json equal{{"ci95", nullptr}, {"p_adjusted", 1.0}, {"spread", "identical"}, {"mean_difference", 0.0}};
  EXPECT_EQ(
      said(test_of("identical", equal)),
      "CT: Ours and Theirs have identical scores on 38 cases (Wilcoxon signed-rank, Holm-adjusted p = 1).");
  json one = test_of("identical", equal);
  one["patients"] = 1;
  EXPECT_THAT(said(one), HasSubstr("identical scores on 1 case ("));
}

TEST(Sentence, DifferencesThatDoNotVaryAreUndecidedWithTheReason) {
  json test =
      test_of("undecided", {{"ci95", nullptr}, {"spread", "constant"}, {"patients", 2}, {"pairs", 2}});
  EXPECT_THAT(said(test), HasSubstr("no CI of the difference, which is the same throughout"));
  EXPECT_THAT(said(test),
              HasSubstr("undecided: the difference has no spread over 2 cases, so that nothing can be "
                        "tested."));
  EXPECT_THAT(said(test), Not(HasSubstr("equivalen")));
  test["mean_difference"] = 0.0;
  EXPECT_THAT(said(test),
              HasSubstr("undecided: the means over organs are equal on 2 cases, though single organs' "
                        "scores are not"));
  test["organ_values_left_out"] = 1;
  EXPECT_THAT(said(test), HasSubstr("equal on 2 cases, but some have no counterpart"));
  EXPECT_EQ(verdict_reason(test_of("better", {{"spread", "constant"}})), "");
}

TEST(Sentence, ASinglePatientHasNoInterval) {
  EXPECT_THAT(said(test_of("unreachable", {{"ci95", nullptr}})),
              HasSubstr("no CI of the difference from fewer than two patients"));
}

TEST(Sentence, RanksAgainstMeansAreNotHidden) {
  EXPECT_THAT(
      said(test_of("worse in most patients, not in the mean", {{"p_adjusted", 0.01}})),
      HasSubstr("significantly worse in most patients, not in the mean at 0.05: by ranks, while the mean "
                "difference points the other way."));
  EXPECT_THAT(said(test_of("better in most patients, not in the mean", {{"p_adjusted", 0.01}})),
              HasSubstr("while the 95 % t interval of the mean difference covers zero."));
}

TEST(Sentence, AMeanOfTheTableThatPointsTheOtherWayIsNamed) {
  const json test = test_of("worse", {{"mean_difference", -0.005},
                                      {"pooled_mean_difference", 0.07},
                                      {"contradicted_by", {"pooled mean"}},
                                      {"p_adjusted", 0.01}});
  EXPECT_THAT(said(test), HasSubstr("the pooled mean of the table points the other way: +7.0 points."));
}

TEST(Sentence, EquivalenceIsNotSaidWhereRareFailuresCouldHide) {
  const json few{{"p_equivalence_adjusted", 0.01}, {"may_be_equivalent", false}, {"fewest_patients", 12}};
  EXPECT_THAT(
      said(test_of("undecided", few)),
      HasSubstr("undecided: two one-sided t tests put the mean difference within 1 Dice point, but 12 cases "
                "are too few to have shown rare failures (24 are asked for)."));
  json wide = few;
  wide["fewest_patients"] = 38;
  EXPECT_THAT(said(test_of("undecided", wide)), HasSubstr("but its 95 % BCa interval reaches beyond."));
}

TEST(Sentence, CountsOfOneHaveNoPlural) {
  const json one{{"pairs", 1}, {"wins", 1}, {"ties_in_outcome", 1}, {"losses", 1}};
  EXPECT_THAT(said(test_of("undecided", one)), HasSubstr("CT, 1 case: "));
  EXPECT_THAT(said(test_of("undecided", one)), HasSubstr("1 win, 1 tie, 1 loss)"));
}

TEST(Sentence, APSeemsNeverOnTheOtherSideOfAlpha) {
  EXPECT_THAT(said(test_of("better", {{"p_adjusted", 0.049999}})), HasSubstr("p = 0.049999;"));
  EXPECT_THAT(said(test_of("undecided", {{"p_adjusted", 0.050001}})), HasSubstr("p = 0.05;"));
  EXPECT_THAT(said(test_of("better", {{"p_adjusted", 0.0000001}})), HasSubstr("p < 0.001;"));
}

TEST(Sentence, AOneSidedTestIsNamedAndAnswersOnlyItsQuestion) {
  TableSpec table;
  table.tests.alternative = Alternative::greater;
  const std::string text = said(test_of("undecided"), table);
  EXPECT_THAT(text, HasSubstr("Wilcoxon signed-rank, one-sided (greater), Holm-adjusted"));
  EXPECT_THAT(text, HasSubstr("neither a difference in the tested direction nor equivalence"));
}

TEST(Sentence, PooledPairsAreSaidToBeDependent) {
  TableSpec table;
  table.tests.pairs = "pooled";
  const std::string text =
      said(test_of("undecided", {{"pairs", 304}, {"decided_by", "sign-flip of patients"}}), table);
  EXPECT_THAT(
      text,
      HasSubstr("304 (case, organ) pairs of 38 cases, which are not independent: the pooled mean Dice"));
  EXPECT_THAT(
      text, HasSubstr("sign-flip of patients, Holm-adjusted p = 0.0712; p < 0.001 by the signed-rank test of "
                      "all pairs, which wrongly takes them for independent;"));
}

// Millimetres of HD95: less is better, and nothing is in percent.
TEST(Sentence, OtherMetricsKeepTheirUnitAndDirection) {
  TableSpec table;
  table.metric = "hd95";
  const json test =
      test_of("better", {{"mean_difference", -2.04}, {"ci95", {-3.0, -1.0}}, {"p_adjusted", 0.01}});
  EXPECT_THAT(
      said(test, table),
      HasSubstr("the mean HD95 over patients of Ours was lower by 2.0 mm than that of Theirs (95 % CI of "
                "the difference -3.0 to -1.0;"));
  EXPECT_THAT(said(test, table), HasSubstr("significantly better at 0.05."));
}

}  // namespace
}  // namespace totum
