// The checkpoints of the published run compared with one another, as SciPy and statsmodels compare them.

#include <gtest/gtest.h>

#include "evaluation/cell_summary.h"
#include "evaluation/comparison.h"
#include "evaluation/corrections.h"
#include "evaluation/effect_size.h"
#include "evaluation/friedman.h"
#include "evaluation/nemenyi.h"
#include "tests/evaluation/parity_json.h"
#include "tests/evaluation/published_run.h"

namespace totum {
namespace {

using nlohmann::json;
using Values = std::vector<double>;

class PublishedRunParity : public testing::Test {
 protected:
  // One organ's scores, or with organ 0 the case's mean over organs, in the order of the fixture's cases.
  Values values_of(int epoch, std::int64_t organ) const {
    std::map<std::string, Values> by_case;
    for (const Score& s : scores_.at(epoch)) {
      if (organ == 0 || s.organ == organ) by_case[s.case_id].push_back(*s.value);
    }
    Values values;
    for (const auto& [case_id, list] : by_case) {
      double sum = 0;
      for (const double v : list) sum += v;
      values.push_back(sum / static_cast<double>(list.size()));
    }
    return values;
  }
  Values all_values_of(int epoch) const {
    Values values;
    for (const Score& s : scores_.at(epoch)) values.push_back(*s.value);
    return values;
  }
  static int versus(const json& comparison) { return comparison.at("versus").get<int>(); }

  json run_ = parity::load("stats_published_run.json");
  int reference_ = run_.at("reference_epoch");
  Split split_ = read_split(TOTUM_SOURCE_DIR "/data_splits/amos22.csv");
  std::map<int, std::vector<Score>> scores_ = published_run_scores(split_);
};

void expect_test(const Values& x, const Values& y, const json& expected, const SignedRankOptions& options) {
  const auto result = wilcoxon_signed_rank(x, y, options);
  EXPECT_NEAR(result.statistic, expected.at("statistic").get<double>(), 1e-9);
  const double p = expected.at("pvalue");
  EXPECT_NEAR(result.p_value, p, 1e-14 + 1e-9 * p);
}

SignedRankOptions asymptotic(ZeroRule zeros, double tie_tolerance) {
  SignedRankOptions options;
  options.zeros = zeros;
  options.distribution = Distribution::normal;
  options.continuity_correction = false;
  options.tie_tolerance = tie_tolerance;
  return options;
}

// Ties in the last bit (raw doubles, tolerance 0) and ties of the decimal values (totum's tolerance): SciPy's
// numbers for both, the latter from differences rounded to four decimals.
void expect_comparison(const Values& x, const Values& y, const json& expected) {
  expect_test(x, y, expected.at("asymptotic"), asymptotic(ZeroRule::wilcox, 0));
  expect_test(x, y, expected.at("asymptotic_pratt"), asymptotic(ZeroRule::pratt, 0));
  if (expected.contains("rounded_asymptotic")) {
    expect_test(x, y, expected.at("rounded_asymptotic"), asymptotic(ZeroRule::wilcox, 1e-9));
  }
  const double atol = 1e-12;
  EXPECT_NEAR(hodges_lehmann(x, y, 0.95).estimate, expected.at("hodges_lehmann").get<double>(), atol);
  EXPECT_NEAR(rank_biserial(x, y, 0), expected.at("rank_biserial").get<double>(), atol);
}

TEST_F(PublishedRunParity, OrgansEqualScipy) {
  ASSERT_FALSE(run_.at("per_organ").empty());
  for (const json& organ : run_.at("per_organ")) {
    const std::int64_t number = std::stoll(organ.at("organ").get<std::string>().substr(6));
    for (const json& comparison : organ.at("comparisons")) {
      expect_comparison(values_of(reference_, number), values_of(versus(comparison), number), comparison);
    }
  }
}

TEST_F(PublishedRunParity, PooledPairsEqualScipy) {
  for (const json& comparison : run_.at("pooled").at("all_case_organ_pairs")) {
    expect_comparison(all_values_of(reference_), all_values_of(versus(comparison)), comparison);
  }
}

// Without ties or zeros SciPy is exact for 24 pairs. Here the whole way is gone: scores, pairs by case, test.
TEST_F(PublishedRunParity, PatientsMeansEqualScipy) {
  const auto all_organs = [&](int epoch) {
    std::map<std::string, PatientScores> patients;
    for (const Score& s : scores_.at(epoch)) {
      patients[s.case_id].case_id = s.case_id;
      patients[s.case_id].by_organ[s.organ] = *s.value;
    }
    std::vector<PatientScores> list;
    for (const auto& [case_id, patient] : patients) list.push_back(patient);
    return list;
  };
  for (const json& comparison : run_.at("pooled").at("case_mean_over_organs")) {
    ComparisonOptions options;
    options.resamples = 200;
    options.test.tie_tolerance = 0;
    const PairedComparison got =
        compare(pair_patients(all_organs(reference_), all_organs(versus(comparison)), false, false), options);
    const json& expected = comparison.at("scipy_default");
    EXPECT_EQ(got.pairs, comparison.at("n").get<std::int64_t>());
    EXPECT_TRUE(got.test.exact);
    EXPECT_NEAR(got.test.statistic, expected.at("statistic").get<double>(), 1e-9);
    EXPECT_NEAR(got.test.p_value, expected.at("pvalue").get<double>(), 1e-12);
    EXPECT_NEAR(got.mean_difference, comparison.at("mean").get<double>(), 1e-12);
    EXPECT_NEAR(got.hodges_lehmann.estimate, comparison.at("hodges_lehmann").get<double>(), 1e-12);
    EXPECT_NEAR(got.rank_biserial, comparison.at("rank_biserial").get<double>(), 1e-12);
    const double n = static_cast<double>(got.pairs);
    const double half = 0.5 * (got.t->high - got.t->low);  // t(0.975, 23) = 2.068657610 from any table
    if (got.pairs == 24) {
      EXPECT_NEAR(half, 2.068657610 * comparison.at("sd").get<double>() / std::sqrt(n), 1e-9);
    }
  }
}

// The ten checkpoints ranked by each organ and by the cases' means, as SciPy and scikit-posthocs do it.
TEST_F(PublishedRunParity, FriedmanAndNemenyiEqualSciPy) {
  const auto expect = [&](std::int64_t organ, const json& friedman, const json& mean_ranks) {
    std::vector<Values> values;
    for (const int epoch : run_.at("epochs").get<std::vector<int>>())
      values.push_back(values_of(epoch, organ));
    const FriedmanResult got = friedman_test(values, 0);
    EXPECT_NEAR(got.statistic, friedman.at("statistic").get<double>(), 1e-9);
    const double p = friedman.at("pvalue");
    EXPECT_NEAR(got.p_value, p, 1e-9 * p);
    for (std::size_t m = 0; m < values.size(); ++m)
      EXPECT_NEAR(got.mean_ranks[m], mean_ranks.at(m).get<double>(), 1e-12);
  };
  for (const json& organ : run_.at("per_organ"))
    expect(std::stoll(organ.at("organ").get<std::string>().substr(6)), organ.at("friedman"),
           organ.at("mean_rank_best_is_1"));
  const json& pooled = run_.at("pooled");
  expect(0, pooled.at("friedman_case_mean"), pooled.at("mean_rank_best_is_1"));
  const Values ranks = pooled.at("mean_rank_best_is_1");
  const auto p = nemenyi_p(ranks, static_cast<std::int64_t>(values_of(reference_, 0).size()));
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    for (std::size_t j = 0; j < ranks.size(); ++j)
      EXPECT_NEAR(p[i][j], pooled.at("nemenyi_p").at(i).at(j).get<double>(), 1e-6);
  }
}

TEST_F(PublishedRunParity, FamiliesEqualStatsmodels) {
  Values all;
  for (const json& organ : run_.at("per_organ")) {
    Values p;
    for (const json& comparison : organ.at("comparisons"))
      p.push_back(comparison.at("scipy_default").at("pvalue"));
    all.insert(all.end(), p.begin(), p.end());
    const Values by_holm = holm(p);
    const Values by_bh = benjamini_hochberg(p);
    for (std::size_t i = 0; i < p.size(); ++i) {
      EXPECT_NEAR(by_holm[i], organ.at("holm_within_organ").at(i).get<double>(), 1e-12);
      EXPECT_NEAR(by_bh[i], organ.at("bh_within_organ").at(i).get<double>(), 1e-12);
    }
  }
  const Values by_holm = holm(all);
  const Values by_bh = benjamini_hochberg(all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_NEAR(by_holm[i], run_.at("holm_all_organs_and_epochs").at(i).get<double>(), 1e-12);
    EXPECT_NEAR(by_bh[i], run_.at("bh_all_organs_and_epochs").at(i).get<double>(), 1e-12);
  }
}

}  // namespace
}  // namespace totum
