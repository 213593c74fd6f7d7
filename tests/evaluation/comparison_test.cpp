#include "evaluation/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/random.h"

namespace totum {
namespace {

using Patients = std::vector<PatientScores>;

ComparisonOptions quick() {
  ComparisonOptions options;
  options.resamples = 500;
  return options;
}

PairedValues pairs_of(const std::vector<double>& differences) {
  PairedValues values;
  for (std::size_t i = 0; i < differences.size(); ++i) {
    values.case_ids.push_back("case_" + std::to_string(100 + i));
    values.a.push_back(0.5 + differences[i]);
    values.b.push_back(0.5);
  }
  return values;
}

// Of other patients, as the CT and MR cells of a table are.
PairedValues named(PairedValues values, const std::string& prefix) {
  for (std::string& case_id : values.case_ids) case_id = prefix + case_id;
  return values;
}

TEST(PairPatients, PairsByCaseIdWhateverTheOrder) {
  const Patients a{{"p", {{1, 0.1}}}, {"q", {{1, 0.2}}}};
  const Patients b{{"q", {{1, 0.4}}}, {"p", {{1, 0.3}}}};
  const auto values = pair_patients(a, b, false, false);
  EXPECT_EQ(values.case_ids, (std::vector<std::string>{"p", "q"}));
  EXPECT_EQ(values.a, (std::vector<double>{0.1, 0.2}));
  EXPECT_EQ(values.b, (std::vector<double>{0.3, 0.4}));
}

TEST(PairPatients, RefusesDifferentCasesAndListsThem) {
  const Patients a{{"p", {{1, 0.1}}}, {"q", {{1, 0.2}}}};
  const Patients b{{"q", {{1, 0.4}}}, {"r", {{1, 0.3}}}};
  try {
    pair_patients(a, b, false, false);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("only the first has [p], only the second has [r]"));
  }
  const auto common = pair_patients(a, b, false, true);
  EXPECT_EQ(common.case_ids, (std::vector<std::string>{"q"}));
  EXPECT_EQ(common.patients_left_out, 2);
}

TEST(PairPatients, AveragesOverTheOrgansThatBothHaveAndCountsTheOthers) {
  const Patients a{{"p", {{1, 0.2}, {2, 0.4}, {3, 0.9}}}, {"q", {{5, 0.5}}}};
  const Patients b{{"p", {{1, 0.5}, {2, 0.7}}}, {"q", {{6, 0.5}}}};
  const auto patient = pair_patients(a, b, false, false);
  ASSERT_EQ(patient.a.size(), 1U);
  EXPECT_DOUBLE_EQ(patient.a[0], 0.3);
  EXPECT_DOUBLE_EQ(patient.b[0], 0.6);
  EXPECT_EQ(patient.organs_left_out, 3);
  EXPECT_EQ(patient.patients_left_out, 1);  // q has no common organ
  EXPECT_EQ(pair_patients(a, b, true, false).case_ids, (std::vector<std::string>{"p", "p"}));
}

// By hand: six wins of different size; p = 2/64, the smallest that six pairs can give.
TEST(Compare, GivesTheNumbersOfSixWins) {
  const auto c = compare(pairs_of({.01, .02, .03, .04, .05, .06}), quick());
  EXPECT_EQ(c.pairs, 6);
  EXPECT_NEAR(c.mean_difference, 0.035, 1e-12);
  EXPECT_TRUE(c.test.exact);
  EXPECT_DOUBLE_EQ(c.test.p_value, 2.0 / 64);
  EXPECT_DOUBLE_EQ(c.smallest_p, 2.0 / 64);
  EXPECT_DOUBLE_EQ(c.p_sign_flip, 2.0 / 64);
  EXPECT_EQ(c.count.wins, 6);
  EXPECT_EQ(c.rank_biserial, 1);
  EXPECT_NEAR(c.hodges_lehmann.estimate, 0.035, 1e-12);
}

TEST(Compare, IsAntisymmetric) {
  const PairedValues values = pairs_of({.01, -.02, .03, .045, .05, -.06, .071});
  PairedValues swapped = values;
  std::swap(swapped.a, swapped.b);
  const auto forth = compare(values, quick());
  const auto back = compare(swapped, quick());
  EXPECT_EQ(forth.test.p_value, back.test.p_value);
  EXPECT_NEAR(forth.mean_difference, -back.mean_difference, 1e-15);
  EXPECT_NEAR(forth.t->low, -back.t->high, 1e-15);
  EXPECT_EQ(forth.rank_biserial, -back.rank_biserial);
  EXPECT_EQ(forth.count.wins, back.count.losses);
  EXPECT_NEAR(forth.hodges_lehmann.low, -back.hodges_lehmann.high, 1e-15);
  EXPECT_EQ(forth.p_sign_flip, back.p_sign_flip);
}

TEST(Compare, SurvivesOnePairAndEqualMethods) {
  const auto one = compare(pairs_of({.1}), quick());
  EXPECT_EQ(one.test.p_value, 1);
  EXPECT_EQ(one.p_equivalence, 1);
  EXPECT_EQ(one.t, std::nullopt);
  EXPECT_EQ(one.bca, std::nullopt);
  const auto equal = compare(pairs_of({0, 0, 0, 0}), quick());
  for (const double p :
       {equal.test.p_value, equal.p_pratt, equal.p_wilcox, equal.p_zsplit, equal.p_sign_flip})
    EXPECT_EQ(p, 1);
  EXPECT_EQ(equal.p_equivalence, 1);
  EXPECT_EQ(equal.spread, Spread::identical);
  EXPECT_EQ(equal.rank_biserial, 0);
  EXPECT_EQ(equal.count.ties, 4);
}

TEST(Compare, RefusesNothingAndNaN) {
  EXPECT_THROW(compare(PairedValues{}, quick()), DataError);
  EXPECT_THROW(compare(pairs_of({.1, NAN}), quick()), DataError);
}

// 13 organs of a patient that all differ by the same amount are one observation: intervals, equivalence and
// sign flips of pooled pairs must equal those of the patients, although the signed-rank test has 13 times the
// pairs.
TEST(Compare, KeepsPooledPairsOfAPatientTogether) {
  const std::vector<double> differences{.03, -.01, .02, .05, -.02, .04, .01, .06};
  const PairedValues patients = pairs_of(differences);
  PairedValues pooled;
  for (std::size_t i = 0; i < differences.size(); ++i) {
    for (int organ = 0; organ < 13; ++organ) {
      pooled.case_ids.push_back(patients.case_ids[i]);
      pooled.a.push_back(patients.a[i]);
      pooled.b.push_back(patients.b[i]);
    }
  }
  const auto by_patient = compare(patients, quick());
  const auto by_organ = compare(pooled, quick());
  EXPECT_EQ(by_organ.pairs, 104);
  EXPECT_EQ(by_organ.patients, 8);
  EXPECT_NEAR(by_organ.t->low, by_patient.t->low, 1e-12);
  EXPECT_NEAR(by_organ.bca->high, by_patient.bca->high, 1e-12);
  EXPECT_NEAR(by_organ.p_equivalence, by_patient.p_equivalence, 1e-12);
  EXPECT_EQ(by_organ.p_sign_flip, by_patient.p_sign_flip);
  EXPECT_LT(by_organ.test.p_value, by_patient.test.p_value);
}

// Schuirmann's test by hand: mean .001, sd/√n = .002, n = 9: t = (.001 - .01)/.002 = -4.5; P(T_8 < -4.5) =
// 0.000999 (R: pt(-4.5, 8)).
TEST(Compare, EquivalenceEqualsTheTextbook) {
  const double step =
      0.002 * 3 * std::sqrt(8.0 / 8.0);  // four pairs above, four below, one at the mean: sd = step
  std::vector<double> differences(9, 0.001);
  for (std::size_t i = 0; i < 4; ++i) {
    differences[i] += step;
    differences[i + 4] -= step;
  }
  EXPECT_NEAR(compare(pairs_of(differences), quick()).p_equivalence, 0.000999, 5e-6);
}

// Differences of 8 patients of one part and 3 of the other; the mean of all 11 would be .0187. SciPy 1.17.1:
// t is half the interval of ttest_ind(x, -y, equal_var=False), BCa is bootstrap((x, y), mean of the two
// means) with 400,000 resamples; equivalence from its distribution functions with that error and 5.4468
// degrees of freedom. Sign flips by adding up all 2^11 in NumPy, each difference divided by the size of its
// part.
TEST(Compare, AMeanOfPartsWeighsThePartsAlike) {
  PairedValues parts[] = {pairs_of({.03, -.01, .02, .05, .012, .04, .01, .06}),
                          named(pairs_of({-.02, .01, .004}), "mr")};
  ComparisonOptions options;
  options.resamples = 20000;
  options.equivalence_margin = 0.03;
  options.test.tie_tolerance = 1e-9;
  const auto c = compare(parts, options);
  EXPECT_EQ(c.pairs, 11);
  EXPECT_EQ(c.patients, 11);
  EXPECT_NEAR(c.mean_difference, 0.01225, 1e-14);
  EXPECT_NEAR(c.t->low, -0.003138374303453201, 1e-13);
  EXPECT_NEAR(c.t->high, 0.0276383743034532, 1e-13);
  EXPECT_NEAR(c.bca->low, 0.00075, 0.0005);
  EXPECT_NEAR(c.bca->high, 0.02175, 0.0005);
  EXPECT_NEAR(c.p_equivalence, 0.015406486250225844, 1e-12);
  EXPECT_DOUBLE_EQ(c.p_sign_flip, 0.091796875);
  options.equivalence_margin = 0.01;
  EXPECT_NEAR(compare(parts, options).p_equivalence, 0.6361934649361896, 1e-12);
}

// SciPy has no such test. NumPy added up all 2^7 signs of W·2/(n(n+1)): of 4 and 3 pairs ranked 3, -1, 2, 4
// and -3, 2, 1 the mean is (8/10 + 0/6)/2 = .4; 25 of 128 are as high.
TEST(Compare, AMeanOfPartsIsDecidedByTheWeightedSignedRanks) {
  const PairedValues parts[] = {pairs_of({.03, -.01, .02, .05}), named(pairs_of({-.02, .012, .004}), "mr")};
  const auto c = compare(parts, quick());
  EXPECT_EQ(c.decided_by, Decider::weighted_signed_rank);
  EXPECT_NEAR(c.deciding_statistic, 0.4, 1e-12);
  EXPECT_NEAR(c.rank_biserial, 0.4, 1e-12);
  EXPECT_NEAR(c.p, 0.390625, 1e-12);
  EXPECT_NEAR(c.smallest_p, 2.0 / 128, 1e-15);
}

TEST(Compare, TheSignedRankTestOfAllPairsStandsBeside) {
  const std::vector<double> ct{.03, -.01, .02, .05}, mr{-.02, .012, .004};
  std::vector<double> all = ct;
  all.insert(all.end(), mr.begin(), mr.end());
  const PairedValues parts[] = {pairs_of(ct), named(pairs_of(mr), "mr")};
  EXPECT_EQ(compare(parts, quick()).test.p_value, compare(pairs_of(all), quick()).test.p_value);
  EXPECT_EQ(compare(parts, quick()).hodges_lehmann.estimate,
            compare(pairs_of(all), quick()).hodges_lehmann.estimate);
}

TEST(Compare, HasNoIntervalIfAPartIsOnePatient) {
  const PairedValues parts[] = {pairs_of({.03, -.01, .02}), named(pairs_of({.01}), "mr")};
  const auto c = compare(parts, quick());
  EXPECT_EQ(c.t, std::nullopt);
  EXPECT_EQ(c.bca, std::nullopt);
  EXPECT_EQ(c.p_equivalence, 1);
}

// 0.8 - 0.79 and 0.05 - 0.04 differ in the last bit only.
TEST(Compare, ADifferenceThatIsTheSameInEveryPatientHasNoIntervalAndShowsNoEquivalence) {
  PairedValues two;
  two.case_ids = {"p", "q"};
  two.a = {0.8, 0.05};
  two.b = {0.79, 0.04};
  ASSERT_NE(two.a[0] - two.b[0], two.a[1] - two.b[1]);
  ComparisonOptions options = quick();
  options.equivalence_margin = 0.05;
  const auto c = compare(two, options);
  EXPECT_EQ(c.spread, Spread::constant);
  EXPECT_EQ(c.p_equivalence, 1);
  EXPECT_EQ(c.t, std::nullopt);
  EXPECT_EQ(c.bca, std::nullopt);
  EXPECT_NEAR(c.mean_difference, 0.01, 1e-15);
  EXPECT_EQ(compare(pairs_of({.01, .02}), options).spread, Spread::varying);
  EXPECT_EQ(compare(pairs_of({.01}), options).spread, Spread::varying);  // one patient says nothing of spread
}

TEST(Compare, PartsThatAreConstantEachHaveNoSpreadTogether) {
  const PairedValues constant[] = {pairs_of({.03, .03, .03}), named(pairs_of({-.01, -.01}), "mr")};
  EXPECT_EQ(compare(constant, quick()).spread, Spread::constant);
  const PairedValues varying[] = {pairs_of({.03, .03, .03}), named(pairs_of({-.01, -.02}), "mr")};
  EXPECT_EQ(compare(varying, quick()).spread, Spread::varying);
}

// The means over organs are equal, the scores are not.
TEST(Compare, ScoresAreIdenticalOnlyIfEveryOrgansAre) {
  const Patients a{{"p", {{1, 0.2}, {2, 0.4}}}, {"q", {{1, 0.5}, {2, 0.5}}}};
  const Patients swapped{{"p", {{1, 0.4}, {2, 0.2}}}, {"q", {{1, 0.5}, {2, 0.5}}}};
  const Patients lacking{{"p", {{1, 0.2}, {2, 0.4}}}, {"q", {{1, 0.5}}}};
  const auto spread = [&](const Patients& b) {
    return compare(pair_patients(a, b, false, false), quick()).spread;
  };
  EXPECT_EQ(spread(a), Spread::identical);
  EXPECT_EQ(spread(swapped), Spread::constant);
  EXPECT_EQ(spread(lacking), Spread::constant);
}

TEST(Judge, DifferencesWithoutSpreadAreIdenticalOrUndecided) {
  PairedComparison c;
  c.favours = 1;
  c.spread = Spread::identical;
  EXPECT_EQ(judge(c, {1, 0.5, 0}, 0.05), Verdict::identical);
  c.spread = Spread::constant;
  EXPECT_EQ(judge(c, {0.5, 0.5, 0}, 0.05), Verdict::undecided);
  EXPECT_EQ(judge(c, {0.5, 0.001, 0}, 0.05), Verdict::undecided);
  EXPECT_EQ(judge(c, {0.03, 0.03, 0}, 0.05), Verdict::better);  // by the signs of six patients
}

TEST(Judge, SaysWhatTheNumbersAllow) {
  PairedComparison c;
  c.favours = 1;
  c.may_be_equivalent = true;
  EXPECT_EQ(judge(c, {0.01, 0.001, 0.5}, 0.05), Verdict::better);
  c.favours = -1;
  EXPECT_EQ(judge(c, {0.01, 0.001, 0.5}, 0.05), Verdict::worse);
  EXPECT_EQ(judge(c, {0.5, 0.001, 0.5}, 0.05), Verdict::undecided);
  EXPECT_EQ(judge(c, {0.5, 0.06, 0.5}, 0.05), Verdict::unreachable);
  EXPECT_EQ(judge(c, {0.5, 0.001, 0.01}, 0.05), Verdict::equivalent);
}

TEST(Judge, SignificantRanksWithoutTheMeanAreSaidToBeThat) {
  PairedComparison c;
  c.favours = 1;
  c.mean_goes_along = false;
  EXPECT_EQ(judge(c, {0.01, 0.001, 0.5}, 0.05), Verdict::better_in_most);
  c.favours = -1;
  EXPECT_EQ(judge(c, {0.01, 0.001, 0.5}, 0.05), Verdict::worse_in_most);
}

TEST(Judge, EquivalenceAsksForMoreThanTheTTests) {
  PairedComparison c;
  c.may_be_equivalent = false;
  EXPECT_EQ(judge(c, {0.5, 0.001, 0.01}, 0.05), Verdict::undecided);
}

// Eleven small gains and one large loss: the ranks say better (ranks lost: 12; 70 subsets of
// 1..12 have a sum of at most 12, p = 2 · 70 / 4096), the mean says worse.
TEST(Compare, AMeanAgainstTheRanksDoesNotGoAlong) {
  std::vector<double> differences;
  for (int i = 1; i <= 11; ++i) differences.push_back(0.001 * i);
  differences.push_back(-0.5);
  const auto c = compare(pairs_of(differences), quick());
  EXPECT_EQ(c.favours, 1);
  EXPECT_LT(c.p, 0.05);
  EXPECT_LT(c.mean_difference, 0);
  EXPECT_FALSE(c.mean_goes_along);
  EXPECT_TRUE(compare(pairs_of({.01, .02, .03, .04, .05, .06}), quick()).mean_goes_along);
}

TEST(Compare, PooledPairsAreDecidedByPatients) {
  PairedValues pooled;
  for (int patient = 0; patient < 5; ++patient) {
    for (int organ = 0; organ < 13; ++organ) {
      pooled.case_ids.push_back(std::to_string(patient));
      pooled.a.push_back(0.5 + 0.01 * patient + 0.001 * organ + 0.01);
      pooled.b.push_back(0.5);
    }
  }
  ComparisonOptions options = quick();
  options.pooled = true;
  const auto c = compare(pooled, options);
  EXPECT_EQ(c.decided_by, Decider::sign_flip);
  EXPECT_EQ(c.p, 2.0 / 32);  // five patients, all on one side
  EXPECT_EQ(c.smallest_p, 2.0 / 32);
  EXPECT_LT(c.test.p_value, 1e-6);  // of 65 pairs
}

TEST(Compare, SmallestPCountsDifferencesThatAreNotZero) {
  const auto c = compare(pairs_of({.01, .02, .03, 0, 0, 0, 0}), quick());
  EXPECT_EQ(c.patients_that_differ, 3);
  EXPECT_EQ(c.smallest_p, 2.0 / 8);
}

// The same patients in both cells, each with the mean of both: one t interval of n patients, by SciPy's
// formula for their means (.02, .01, .03, .04), sd/√n = .00645, df 3.
TEST(Compare, CellsOfTheSamePatientsGiveOneContributionEach) {
  const PairedValues parts[] = {pairs_of({.03, .01, .02, .05}), pairs_of({.01, .01, .04, .03})};
  const auto c = compare(parts, quick());
  EXPECT_EQ(c.patients, 4);
  EXPECT_NEAR(c.mean_difference, .025, 1e-14);
  EXPECT_NEAR(c.degrees_of_freedom, 3, 1e-12);
  EXPECT_NEAR(c.standard_error, std::sqrt(5.0 / 3) / 100 / 2, 1e-14);
  EXPECT_EQ(c.p, 2.0 / 16);
}

// 12 % of 24 and 6 % of 48: 1 - .05^(1/n).
TEST(Compare, FailuresNotExcluded) {
  EXPECT_NEAR(failures_not_excluded(24), 0.117, 0.0005);
  EXPECT_NEAR(failures_not_excluded(48), 0.0605, 0.0005);
}

// A raw p of equivalence under the level says nothing; the adjusted one does.
TEST(Judge, TakesEquivalenceAfterCorrection) {
  PairedComparison c;
  c.p_equivalence = 0.01;
  EXPECT_EQ(judge(c, {0.5, 0.001, 0.08}, 0.05), Verdict::undecided);
}

}  // namespace
}  // namespace totum
