#include "evaluation/ranking_study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/random.h"
#include "evaluation/resampled_signed_rank.h"

namespace totum {
namespace {

using testing::ElementsAre;
using Patients = std::vector<PatientScores>;

RankingOptions options(std::int64_t resamples = 500) {
  RankingOptions made;
  made.resamples = resamples;
  made.seed = 7;
  return made;
}

// One organ for each patient.
CommonScores one_organ(const std::vector<std::vector<double>>& values) {
  std::vector<Patients> methods;
  for (const auto& of_method : values) {
    auto& patients = methods.emplace_back();
    for (std::size_t p = 0; p < of_method.size(); ++p)
      patients.push_back({"case_" + std::to_string(100 + p), {{1, of_method[p]}}});
  }
  return common_scores(methods);
}

RankingStudy study(const CommonScores& scores, const RankingOptions& made = options()) {
  return study_rankings(std::span(&scores, 1), made);
}

const Ranking& by(const RankingStudy& study, RankingScheme scheme) {
  return study.rankings[static_cast<std::size_t>(scheme)];
}

std::vector<std::vector<double>> random_values(std::size_t methods, std::size_t patients, double step,
                                               std::uint64_t seed) {
  std::vector<std::vector<double>> values(methods);
  for (std::size_t m = 0; m < methods; ++m) {
    for (std::size_t p = 0; p < patients; ++p) {
      RandomStream random(seed, "ranking", p, m);
      values[m].push_back(0.5 - step * static_cast<double>(m) + 0.1 * random.normal());
    }
  }
  return values;
}

TEST(CommonScores, KeepTheOrgansThatAllMethodsHave) {
  const std::vector<Patients> methods{
      {{"p", {{1, 0.2}, {2, 0.4}}}, {"q", {{5, 0.5}}}, {"r", {{1, 0.7}}}},
      {{"p", {{2, 0.6}, {3, 0.8}}}, {"q", {{6, 0.5}}}},
  };
  const CommonScores common = common_scores(methods);
  EXPECT_THAT(common.case_ids, ElementsAre("p"));
  EXPECT_THAT(common.organs[0], ElementsAre(2));
  EXPECT_EQ(common.values[1][0][0], 0.6);
  EXPECT_EQ(common.patients_left_out, 2);
  EXPECT_EQ(common.values_left_out, 5);  // p: 1 and 3; q: 5 and 6; r: 1
  EXPECT_THAT(patient_means(common)[0], ElementsAre(0.4));
}

// By hand. Organ means over patients: A (.5, .9), B (.6, .8), so the means over organs tie; B leads by the
// median of the patients' means (A: .5, .5, .7; B: .6, .6, .7) and by mean rank (A: 2, 2, 1.5).
TEST(RankingStudy, SchemesGoByWhatTheySay) {
  const std::vector<Patients> methods{
      {{"p", {{1, .5}}}, {"q", {{1, .5}}}, {"r", {{1, .5}, {2, .9}}}},
      {{"p", {{1, .6}}}, {"q", {{1, .6}}}, {"r", {{1, .6}, {2, .8}}}},
  };
  const auto made = study(common_scores(methods));
  EXPECT_THAT(by(made, RankingScheme::mean).ranks, ElementsAre(1, 1));  // (.5+.9)/2 and (.6+.8)/2
  EXPECT_NEAR(by(made, RankingScheme::mean).values[0], 0.7, 1e-15);
  EXPECT_THAT(by(made, RankingScheme::median).values, ElementsAre(.5, .6));
  EXPECT_THAT(by(made, RankingScheme::median).ranks, ElementsAre(2, 1));
  EXPECT_NEAR(by(made, RankingScheme::mean_rank).values[0], (2 + 2 + 1.5) / 3, 1e-15);
  EXPECT_THAT(by(made, RankingScheme::tests).values, ElementsAre(0, 0));
  EXPECT_THAT(by(made, RankingScheme::tests).ranks, ElementsAre(1, 1));
}

// Twelve patients who all put A before B before C: exact p = 2/2^12 for each of three pairs.
TEST(RankingStudy, TestsCountTheMethodsThatAreBeaten) {
  std::vector<std::vector<double>> values(3);
  for (int p = 0; p < 12; ++p) {
    values[0].push_back(.9 + .001 * p);
    values[1].push_back(.7 + .002 * p);
    values[2].push_back(.5 + .0035 * p);
  }
  const auto made = study(one_organ(values));
  EXPECT_THAT(by(made, RankingScheme::tests).values, ElementsAre(2, 1, 0));
  for (const PairwiseTest& test : made.tests) EXPECT_DOUBLE_EQ(test.p_adjusted, 3 * 2.0 / 4096);
  for (const Ranking& ranking : made.rankings) {
    EXPECT_THAT(ranking.ranks, ElementsAre(1, 2, 3));
    EXPECT_THAT(ranking.frequencies[1], ElementsAre(0, 1, 0));
    EXPECT_THAT(ranking.interval95[2], ElementsAre(3, 3));
  }
  EXPECT_THAT(made.not_before[0], ElementsAre(0.5, 0, 0));
  EXPECT_THAT(made.not_before[2], ElementsAre(1, 1, 0.5));
}

// Where the exact test of five pairs can't be significant, no resample may be either.
TEST(RankingStudy, ResampledTestsKeepWhatTheExactTestCanReach) {
  const auto made = study(one_organ({{.9, .8, .9, .8, .9}, {.1, .2, .3, .1, .2}}));
  EXPECT_THAT(by(made, RankingScheme::tests).frequencies[1], ElementsAre(1, 0));
}

TEST(RankingStudy, OfAMetricWhereLessIsBetterIsTurnedAround) {
  auto values = random_values(4, 20, 0.05, 3);
  const auto up = study(one_organ(values));
  for (auto& of_method : values) {
    for (double& value : of_method) value = -value;
  }
  RankingOptions less = options();
  less.higher_is_better = false;
  const auto down = study(one_organ(values), less);
  for (std::size_t s = 0; s < up.rankings.size(); ++s) {
    EXPECT_EQ(up.rankings[s].ranks, down.rankings[s].ranks);
    EXPECT_EQ(up.rankings[s].frequencies, down.rankings[s].frequencies);
  }
  EXPECT_NEAR(by(up, RankingScheme::mean).values[1], -by(down, RankingScheme::mean).values[1], 1e-15);
  EXPECT_EQ(by(up, RankingScheme::mean_rank).values, by(down, RankingScheme::mean_rank).values);
  EXPECT_EQ(up.not_before, down.not_before);
}

// A rank scheme sees order alone; permuting the methods permutes the answer.
TEST(RankingStudy, IsUnchangedByMonotoneChangeAndPermutation) {
  auto values = random_values(4, 20, 0.03, 4);
  const auto before = study(one_organ(values));
  auto grown = values;
  for (auto& of_method : grown) {
    for (double& value : of_method) value = std::exp(3 * value);
  }
  const auto after = study(one_organ(grown));
  for (const RankingScheme scheme : {RankingScheme::median, RankingScheme::mean_rank})
    EXPECT_EQ(by(before, scheme).ranks, by(after, scheme).ranks);
  EXPECT_EQ(by(before, RankingScheme::mean_rank).frequencies,
            by(after, RankingScheme::mean_rank).frequencies);
  std::swap(values[0], values[3]);
  const auto permuted = study(one_organ(values));
  for (std::size_t s = 0; s < before.rankings.size(); ++s) {
    EXPECT_EQ(before.rankings[s].ranks[0], permuted.rankings[s].ranks[3]);
    EXPECT_EQ(before.rankings[s].frequencies[3], permuted.rankings[s].frequencies[0]);
  }
}

// A part of 3 patients counts as much as one of 9: plain mean of the parts' means and medians.
TEST(RankingStudy, AMeanOfPartsWeighsThePartsAlike) {
  const std::vector<CommonScores> parts{one_organ({std::vector<double>(9, .8), std::vector<double>(9, .6)}),
                                        one_organ({{.1, .1, .4}, {.5, .5, .5}})};
  const auto made = study_rankings(parts, options());
  EXPECT_NEAR(by(made, RankingScheme::mean).values[0], (.8 + .2) / 2, 1e-15);
  EXPECT_NEAR(by(made, RankingScheme::median).values[0], (.8 + .1) / 2, 1e-15);
  EXPECT_THAT(by(made, RankingScheme::mean).ranks, ElementsAre(2, 1));
  EXPECT_NEAR(by(made, RankingScheme::mean_rank).values[0], (9 * 1 + 3 * 2) / 12.0, 1e-15);
}

TEST(RankingStudy, GivesTheSameBytesForAnyNumberOfThreads) {
  const CommonScores scores = one_organ(random_values(5, 15, 0.01, 5));
  const auto one = study(scores);
  for (const int threads : {2, 3}) {
    RankingOptions more = options();
    more.threads = threads;
    const auto several = study(scores, more);
    EXPECT_EQ(one.not_before, several.not_before);
    for (std::size_t s = 0; s < one.rankings.size(); ++s)
      EXPECT_EQ(one.rankings[s].frequencies, several.rankings[s].frequencies);
  }
}

// Equal methods: each order is wrong with chance one half, whatever these patients say. The mean of the
// better one's chance over many studies is E min(U, 1-U) = 1/4 for a uniform U.
TEST(RankingStudy, DoubtsTheOrderOfEqualMethodsAsItShould) {
  double sum = 0;
  constexpr int kStudies = 300;
  for (std::uint64_t s = 0; s < kStudies; ++s) {
    const auto made = study(one_organ(random_values(2, 30, 0, 1000 + s)), options(200));
    sum += std::min(made.not_before[0][1], made.not_before[1][0]);
    EXPECT_NEAR(made.not_before[0][1] + made.not_before[1][0], 1, 1e-12);
  }
  EXPECT_NEAR(sum / kStudies, 0.25, 4 * 0.144 / std::sqrt(kStudies));
}

TEST(RankingStudy, OfOnePatientHasNoIntervals) {
  const auto made = study(one_organ({{.5}, {.6}}));
  EXPECT_THAT(by(made, RankingScheme::mean).ranks, ElementsAre(2, 1));
  EXPECT_TRUE(by(made, RankingScheme::mean).frequencies.empty());
  EXPECT_TRUE(made.not_before.empty());
}

TEST(RankingStudy, OfTiesAloneRanksAllFirst) {
  const auto made = study(one_organ({{.5, .6, .7}, {.5, .6, .7}}));
  for (const Ranking& ranking : made.rankings) {
    EXPECT_THAT(ranking.ranks, ElementsAre(1, 1));
    EXPECT_THAT(ranking.interval95[0], ElementsAre(1, 1));
  }
  EXPECT_EQ(made.not_before[0][1], 0.5);
}

TEST(RankingStudy, RefusesNothing) {
  EXPECT_THROW(study_rankings({}, options()), DataError);
  EXPECT_THROW(study(one_organ({{}, {}})), DataError);
}

// Counts instead of repeated pairs: the same z as the test of the pairs written out, under every zero rule,
// with ties and zeros.
TEST(SortedDifferences, EqualTheTestOfThePairsWrittenOut) {
  RandomStream random(9, "counts");
  for (const ZeroRule rule : {ZeroRule::pratt, ZeroRule::wilcox, ZeroRule::zsplit}) {
    for (int trial = 0; trial < 40; ++trial) {
      std::vector<double> a, b, written_a, written_b;
      std::vector<std::uint16_t> counts;
      for (int i = 0; i < 20; ++i) {
        a.push_back(std::round(4 * random.normal(0.3, 1)) / 4);
        b.push_back(0);
        counts.push_back(static_cast<std::uint16_t>(random.below(4)));
        written_a.insert(written_a.end(), counts.back(), a.back());
        written_b.insert(written_b.end(), counts.back(), b.back());
      }
      SignedRankOptions test;
      test.zeros = rule;
      test.distribution = Distribution::normal;
      EXPECT_NEAR(SortedDifferences(a, b, test).z(counts), wilcoxon_signed_rank(written_a, written_b, test).z,
                  1e-12);
    }
  }
}

// Four equal methods: any pair is called different in at most 5 of 100 studies.
TEST(PairwiseTests, KeepTheFamilyWiseLevelUnderTheNull) {
  int found = 0;
  constexpr int kStudies = 1500;
  for (std::uint64_t s = 0; s < kStudies; ++s) {
    const auto tests = pairwise_signed_rank(random_values(4, 20, 0, 5000 + s), {});
    found +=
        std::any_of(tests.begin(), tests.end(), [](const auto& t) { return t.p_adjusted < 0.05; }) ? 1 : 0;
  }
  EXPECT_LE(static_cast<double>(found) / kStudies, 0.05 + 4 * std::sqrt(0.05 * 0.95 / kStudies));
  EXPECT_GT(found, kStudies / 100);
}

TEST(PairwiseTests, StandWhereTheirPlaceSays) {
  const auto tests = pairwise_signed_rank(random_values(5, 8, 0.1, 6), {});
  ASSERT_EQ(tests.size(), 10U);
  for (const PairwiseTest& test : tests) {
    const auto& found = tests[place_of_pair(test.first, test.second, 5)];
    EXPECT_EQ(found.first, test.first);
    EXPECT_EQ(found.second, test.second);
  }
}

}  // namespace
}  // namespace totum
