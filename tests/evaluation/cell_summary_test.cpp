#include "evaluation/cell_summary.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/random.h"

namespace totum {
namespace {

const CellFilter kCell{Modality::ct, Relation::intra, "dice", "native"};

Score score(const std::string& case_id, std::int64_t organ, std::optional<double> value,
            const std::string& run = "a") {
  return {run, case_id, Modality::ct, organ, Relation::intra, "native", "dice", value};
}

Score hallucinated(const std::string& case_id, std::int64_t organ) {
  Score s = score(case_id, organ, 0.0);
  s.in_reference = false;
  return s;
}

TEST(PatientsOfCell, TakesOnlyScoresOfTheCell) {
  std::vector<Score> scores{score("p", 1, 0.5)};
  for (int other = 0; other < 4; ++other) {
    Score s = score("q", 1, 0.9);
    if (other == 0) s.modality = Modality::mr;
    if (other == 1) s.relation = Relation::cross;
    if (other == 2) s.grid = "network";
    if (other == 3) s.metric = "dice_published";
    scores.push_back(s);
  }
  const auto patients = patients_of_cell(scores, kCell);
  ASSERT_EQ(patients.size(), 1U);
  EXPECT_EQ(patients[0].case_id, "p");
}

TEST(PatientsOfCell, AveragesSeedsForEachOrgan) {
  const auto patients =
      patients_of_cell({score("p", 1, 0.2, "s0"), score("p", 1, 0.6, "s1"), score("p", 2, 1.0, "s0")}, kCell);
  ASSERT_EQ(patients.size(), 1U);
  EXPECT_DOUBLE_EQ(patients[0].by_organ.at(1), 0.4);
  EXPECT_DOUBLE_EQ(patients[0].mean(), 0.7);
}

// A method that hallucinates and one that does not are averaged over the same organs; a miss stays a 0.
TEST(PatientsOfCell, LeavesOutOrgansThatTheReferenceLacks) {
  const auto clean = patients_of_cell({score("p", 1, 0.0), score("p", 2, std::nullopt)}, kCell);
  const auto hallucinating = patients_of_cell({score("p", 1, 0.0), hallucinated("p", 2)}, kCell);
  EXPECT_EQ(clean[0].by_organ, hallucinating[0].by_organ);
  EXPECT_EQ(clean[0].by_organ.size(), 1U);
  EXPECT_EQ(hallucinations({score("p", 1, 0.0), hallucinated("p", 2)}, kCell), 1);
}

TEST(PatientsOfCell, LeavesNothingOutOfThePublishedMetric) {
  Score absent = hallucinated("p", 2);
  absent.metric = "dice_published";
  CellFilter published = kCell;
  published.metric = "dice_published";
  EXPECT_EQ(patients_of_cell({absent}, published).size(), 1U);
  EXPECT_EQ(hallucinations({absent}, published), 0);
}

TEST(SummariseCell, IsNothingWithoutPatients) { EXPECT_EQ(summarise_cell({}, 100, 1, 1), std::nullopt); }

TEST(SummariseCell, HasNoIntervalForOnePatient) {
  const auto summary = summarise_cell({{"p", {{1, 0.4}, {2, 0.6}}}}, 100, 1, 1);
  EXPECT_EQ(summary->patients, 1);
  EXPECT_EQ(summary->values, 2);
  EXPECT_DOUBLE_EQ(summary->mean, 0.5);
  EXPECT_EQ(summary->bca, std::nullopt);
  EXPECT_EQ(summary->bca_over_organs, std::nullopt);
  EXPECT_EQ(summary->t, std::nullopt);
  EXPECT_TRUE(summary->sd);
  EXPECT_EQ(summarise_cell({{"p", {{1, 0.4}}}}, 100, 1, 1)->sd, std::nullopt);
}

// By hand: organ 1 has (.2, .4), organ 2 only (.9); pooled mean .5, mean over organs (.3 + .9)/2.
TEST(SummariseCell, TellsThePooledMeanFromTheMeanOverOrgans) {
  const auto summary = summarise_cell({{"p", {{1, 0.2}, {2, 0.9}}}, {"q", {{1, 0.4}}}}, 1000, 1, 1);
  EXPECT_DOUBLE_EQ(summary->mean, 0.5);
  EXPECT_DOUBLE_EQ(summary->mean_over_organs, 0.6);
  EXPECT_DOUBLE_EQ(*summary->sd, std::sqrt((0.09 + 0.16 + 0.01) / 2));
}

std::vector<PatientScores> random_patients(std::int64_t n, double correlation, std::uint64_t seed) {
  std::vector<PatientScores> patients;
  for (std::int64_t p = 0; p < n; ++p) {
    RandomStream random(seed, "patient", static_cast<std::uint64_t>(p));
    const double own = random.normal();
    PatientScores patient{"case_" + std::to_string(1000 + p), {}};
    for (std::int64_t organ = 1; organ <= kOrgans; ++organ) {
      patient.by_organ[organ] =
          0.7 + 0.1 * (std::sqrt(correlation) * own + std::sqrt(1 - correlation) * random.normal());
    }
    patients.push_back(patient);
  }
  return patients;
}

TEST(SummariseCell, GivesTheSameBytesForAnyNumberOfThreads) {
  const auto patients = random_patients(20, 0.5, 3);
  const auto one = summarise_cell(patients, 2000, 7, 1);
  const auto four = summarise_cell(patients, 2000, 7, 4);
  EXPECT_EQ(one->bca->low, four->bca->low);
  EXPECT_EQ(one->bca_over_organs->high, four->bca_over_organs->high);
}

// Organs of one patient that move together carry little more than one value: the interval must be about as
// wide as the t interval of patients' means, and far wider than if the 13 organs were independent.
TEST(SummariseCell, KeepsAPatientsOrgansTogether) {
  const auto patients = random_patients(40, 0.95, 5);
  const auto summary = summarise_cell(patients, 4000, 7, 2);
  const double width = summary->bca->high - summary->bca->low;
  EXPECT_NEAR(width / (summary->t->high - summary->t->low), 1, 0.15);
  EXPECT_GT(width, 2.5 * 3.92 * *summary->sd / std::sqrt(static_cast<double>(summary->values)));
}

TEST(SummariseCell, IntervalCoversTheTruthAboutAsOftenAsItSays) {
  int covered = 0;
  constexpr int kSimulations = 400;
  for (std::uint64_t s = 0; s < kSimulations; ++s) {
    const auto summary = summarise_cell(random_patients(48, 0.5, 100 + s), 500, s, 2);
    covered += summary->bca_over_organs->low <= 0.7 && 0.7 <= summary->bca_over_organs->high ? 1 : 0;
  }
  // A bootstrap of 48 patients is a little too narrow; four standard errors of the simulation are .044.
  EXPECT_GE(static_cast<double>(covered) / kSimulations, 0.95 - 0.02 - 0.044);
}

// Table 2 from Table 1: plain mean of two cells, ± the mean of their deviations.
TEST(SummariseMeanOf, AveragesCellsWithEqualWeight) {
  const std::vector<PatientScores> ct{{"c1", {{1, 0.8}, {2, 0.6}}}, {"c2", {{1, 0.8}, {2, 0.6}}}};
  const std::vector<PatientScores> mr{{"m1", {{1, 0.3}, {2, 0.3}}}};
  const auto summary = summarise_mean_of({ct, mr}, 100, 1, 1);
  EXPECT_DOUBLE_EQ(summary->mean, 0.5);
  EXPECT_DOUBLE_EQ(*summary->sd, 0.5 * std::sqrt(0.04 / 3));
  EXPECT_EQ(summary->patients, 3);
  EXPECT_EQ(summary->values, 6);
  EXPECT_EQ(summarise_mean_of({ct, {}}, 100, 1, 1), std::nullopt);
}

// Five CT and three MR patients with two organs each. SciPy 1.17.1 on the patients' means: half the interval
// of ttest_ind(ct, -mr, equal_var=False), and bootstrap((ct, mr), mean of the two means, method="BCa") with
// 400,000 resamples; ours has 20,000 of its own, so the ends agree to a few thousandths. Eight patients taken
// together would have a mean of .59375 and 7 degrees of freedom.
TEST(SummariseMeanOf, IntervalsAreAboutTheSameMeanAsTheCell) {
  const std::vector<PatientScores> ct{{"c1", {{1, .8}, {2, .6}}},
                                      {"c2", {{1, .9}, {2, .7}}},
                                      {"c3", {{1, .5}, {2, .6}}},
                                      {"c4", {{1, .85}, {2, .75}}},
                                      {"c5", {{1, .7}, {2, .65}}}};
  const std::vector<PatientScores> mr{
      {"m1", {{1, .3}, {2, .5}}}, {"m2", {{1, .6}, {2, .4}}}, {"m3", {{1, .2}, {2, .35}}}};
  const auto summary = summarise_mean_of({ct, mr}, 20000, 1, 1);
  EXPECT_NEAR(summary->mean, 0.5483333333333332, 1e-15);
  EXPECT_NEAR(summary->t->low, 0.4376858411706578, 1e-13);
  EXPECT_NEAR(summary->t->high, 0.6589808254960087, 1e-13);
  EXPECT_NEAR(summary->bca->low, 0.47583333333333333, 0.004);
  EXPECT_NEAR(summary->bca->high, 0.6083333333333333, 0.004);
}

TEST(SummariseMeanOf, HasNoIntervalIfAPartIsOnePatient) {
  const std::vector<PatientScores> ct{{"c1", {{1, .8}}}, {"c2", {{1, .6}}}};
  const auto summary = summarise_mean_of({ct, {{"m1", {{1, 0.3}}}}}, 100, 1, 1);
  EXPECT_NEAR(summary->mean, 0.5, 1e-15);
  EXPECT_EQ(summary->bca, std::nullopt);
  EXPECT_EQ(summary->bca_over_organs, std::nullopt);
  EXPECT_EQ(summary->t, std::nullopt);
}

// A cell's t interval is about its pooled mean, also where patients have different numbers of organs. By
// hand: residuals of the sums .9, .9, .5 from .46·(2, 2, 1) are -.02, -.02, .04; the error is
// sqrt(3/2·.0024)/5 = .012; t(0.975, 2) = 4.302652730 from any table.
TEST(SummariseCell, TIntervalIsAboutThePooledMean) {
  const auto summary =
      summarise_cell({{"p", {{1, .5}, {2, .4}}}, {"q", {{1, .6}, {2, .3}}}, {"r", {{1, .5}}}}, 100, 1, 1);
  EXPECT_NEAR(summary->mean, 0.46, 1e-15);
  EXPECT_NEAR(summary->t->low, 0.46 - 4.302652730 * 0.012, 1e-9);
  EXPECT_NEAR(summary->t->high, 0.46 + 4.302652730 * 0.012, 1e-9);
}

// With all organs in all patients the mean over organs is the mean of the patients' means (.2, .4, .9), whose
// t interval SciPy gives: scipy.stats.t.interval(.95, 2, numpy.mean(x), scipy.stats.sem(x)).
TEST(MeanOverOrgans, OfCompletePatientsHasTheTIntervalOfTheirMeans) {
  const std::vector<PatientScores> patients{
      {"p", {{1, 0.1}, {2, 0.3}}}, {"q", {{1, 0.5}, {2, 0.3}}}, {"r", {{1, 0.9}, {2, 0.9}}}};
  const auto summary = *summarise_cell(patients, 50, 1, 1);
  EXPECT_NEAR(summary.t_over_organs->low, -0.3956685895029599, 1e-12);
  EXPECT_NEAR(summary.t_over_organs->high, 1.39566858950296, 1e-12);
  EXPECT_EQ(summary.leading_over_organs->low, summary.t_over_organs->low);
  EXPECT_EQ(summary.leading->low, summary.t->low);
}

// By hand: organ 1 of p, q, r with mean .5, organ 2 of p, q with mean .3. Added: p: (√1.5·-.4/3 +
// √2·-.1/2)/2, q: (0 + √2·.1/2)/2, r: (√1.5·.4/3)/2.
TEST(MeanOverOrgans, OfPatientsThatLackOrgansIsLinearised) {
  const std::vector<PatientScores> patients{
      {"p", {{1, 0.1}, {2, 0.2}}}, {"q", {{1, 0.5}, {2, 0.4}}}, {"r", {{1, 0.9}}}};
  const auto mean = mean_of_organ_means(patients);
  const double first = std::sqrt(1.5) * 0.4 / 3;
  const double second = std::sqrt(2.0) * 0.1 / 2;
  const double squares = (first + second) * (first + second) + second * second + first * first;
  EXPECT_NEAR(mean.mean, 0.4, 1e-14);
  EXPECT_NEAR(mean.standard_error, std::sqrt(squares) / 2, 1e-14);
  EXPECT_EQ(mean.degrees_of_freedom, 2);
}

// Nothing is known of the spread of an organ that one patient has: it adds the variance of the other organ.
TEST(MeanOverOrgans, AnOrganOfASinglePatientIsNotTakenForCertain) {
  const std::vector<PatientScores> patients{{"p", {{1, 0.1}, {2, 0.7}}}, {"q", {{1, 0.5}}}};
  EXPECT_NEAR(mean_of_organ_means(patients).standard_error, std::sqrt(0.04 / 4 + 0.08 / 4), 1e-14);
  EXPECT_EQ(mean_of_organ_means({{"p", {{1, 0.1}}}, {"q", {{2, 0.5}}}}).degrees_of_freedom, 0);
}

TEST(LeadingInterval, IsTsUnderFiftyPatientsAndBcaFromThereOn) {
  const Interval t{0, 1}, bca{2, 3};
  EXPECT_EQ(leading_interval(t, bca, 49)->low, 0);
  EXPECT_EQ(leading_interval(t, bca, 50)->low, 2);
}

}  // namespace
}  // namespace totum
