// Statistics against SciPy 1.17, statsmodels and written-out formulas (the parity fixtures).

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "core/error.h"
#include "evaluation/corrections.h"
#include "evaluation/effect_size.h"
#include "evaluation/friedman.h"
#include "evaluation/intervals.h"
#include "evaluation/nemenyi.h"
#include "evaluation/wilcoxon.h"
#include "tests/evaluation/parity_json.h"

namespace totum {
namespace {

using nlohmann::json;
using parity::load;
using parity::tolerance_of;
using Values = std::vector<double>;

Values differences(const Values& x, const Values& y) {
  Values difference;
  for (std::size_t i = 0; i < x.size(); ++i) difference.push_back(x[i] - y[i]);
  return difference;
}

SignedRankOptions scipy_options(const json& run, const json& test_case) {
  SignedRankOptions options;
  options.tie_tolerance = 0;  // SciPy decides ties on equality
  const std::string zeros = run.at("zero_method");
  options.zeros = zeros == "pratt"    ? ZeroRule::pratt
                  : zeros == "wilcox" ? ZeroRule::wilcox
                                      : ZeroRule::zsplit;
  const std::string alternative = run.at("alternative");
  options.alternative = alternative == "greater" ? Alternative::greater
                        : alternative == "less"  ? Alternative::less
                                                 : Alternative::two_sided;
  options.continuity_correction = run.at("correction");
  // SciPy's "auto": n > 50 asymptotic; exact without zeros and ties; with them, all sign flips up to 13
  // pairs.
  const std::int64_t n = test_case.at("n");
  const bool plain = !test_case.at("has_zero").get<bool>() && !test_case.at("has_ties").get<bool>();
  const bool exact =
      run.at("method") == "exact" || (run.at("method") == "auto" && n <= 50 && (plain || n <= 13));
  options.distribution = exact ? Distribution::exact : Distribution::normal;
  return options;
}

TEST(StatisticsParity, SignedRankTestEqualsScipy) {
  const json tolerance = tolerance_of("stats_wilcoxon");
  const double p_rtol = tolerance.at("p_rtol");
  const double p_atol = tolerance.at("p_atol");
  const json test_cases = load("stats_wilcoxon.json");
  ASSERT_FALSE(test_cases.at("cases").empty());
  for (const auto& test_case : test_cases.at("cases")) {
    const Values x = test_case.at("x");
    const Values y = test_case.at("y");
    for (const auto& run : test_case.at("runs")) {
      if (!run.at("pvalue").is_number())
        continue;  // SciPy gives NaN, for instance when no difference is left
      const auto result = wilcoxon_signed_rank(x, y, scipy_options(run, test_case));
      const std::string what =
          run.dump() + test_case.at("kind").dump() + std::to_string(test_case.at("n").get<int>());
      EXPECT_NEAR(result.statistic, run.at("statistic").get<double>(),
                  tolerance.at("statistic_atol").get<double>())
          << what;
      const double p = run.at("pvalue");
      EXPECT_NEAR(result.p_value, p, p_atol + p_rtol * p) << what;
      if (run.contains("zstatistic") && run.at("zstatistic").is_number()) {
        // SciPy's z is that of min(W+, W-) when two-sided, so its sign may differ.
        EXPECT_NEAR(std::abs(result.z), std::abs(run.at("zstatistic").get<double>()), 1e-9) << what;
      }
    }
  }
}

TEST(StatisticsParity, AdjustedPValuesEqualStatsmodels) {
  const double atol = tolerance_of("stats_corrections").at("atol");
  const json test_cases = load("stats_corrections.json");
  ASSERT_FALSE(test_cases.at("cases").empty());
  for (const auto& test_case : test_cases.at("cases")) {
    const Values p = test_case.at("p");
    const Values expected_holm = test_case.at("holm").at("adjusted");
    const Values expected_bh = test_case.at("fdr_bh").at("adjusted");
    const Values got_holm = holm(p);
    const Values got_bh = benjamini_hochberg(p);
    for (std::size_t i = 0; i < p.size(); ++i) {
      EXPECT_NEAR(got_holm[i], expected_holm[i], atol);
      EXPECT_NEAR(got_bh[i], expected_bh[i], atol);
    }
  }
}

// Friedman against SciPy, Iman-Davenport and Kendall's W against the formulas, Nemenyi's p against
// scikit-posthocs.
TEST(StatisticsParity, FriedmanAndNemenyiEqualSciPyAndScikitPosthocs) {
  const json fixture = load("stats_friedman.json");
  const json& tolerance = fixture.at("tolerance");
  ASSERT_FALSE(fixture.at("cases").empty());
  for (const auto& test_case : fixture.at("cases")) {
    std::vector<Values> values(test_case.at("methods").get<std::size_t>());
    for (const Values block : test_case.at("data_blocks_by_methods")) {
      for (std::size_t m = 0; m < block.size(); ++m) values[m].push_back(block[m]);
    }
    const FriedmanResult got = friedman_test(values, 0);
    const auto near = [&](double value, const json& expected) {
      const double p = expected;
      EXPECT_NEAR(value, p,
                  tolerance.at("p_atol").get<double>() + tolerance.at("p_rtol").get<double>() * std::abs(p));
    };
    EXPECT_NEAR(got.statistic, test_case.at("statistic").get<double>(),
                tolerance.at("statistic_atol").get<double>());
    near(got.p_value, test_case.at("pvalue"));
    EXPECT_NEAR(got.kendall_w, test_case.at("kendall_w").get<double>(), 1e-12);
    EXPECT_EQ(got.f.has_value(), test_case.contains("iman_davenport_F"));
    if (got.f) {
      near(*got.f, test_case.at("iman_davenport_F"));
      near(*got.f_p_value, test_case.at("iman_davenport_p"));
    }
    const Values ranks = test_case.at("mean_rank_best_is_1");
    const auto p = nemenyi_p(ranks, got.cases);
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      EXPECT_NEAR(got.mean_ranks[i], ranks[i], 1e-12);
      for (std::size_t j = 0; j < ranks.size(); ++j)
        EXPECT_NEAR(p[i][j], test_case.at("nemenyi_p").at(i).at(j).get<double>(),
                    tolerance.at("nemenyi_atol").get<double>());
    }
  }
}

TEST(StatisticsParity, FriedmanRefusesWhatSciPyRefuses) {
  const auto file = load("stats_friedman.json");  // outlives the loop over a part of it
  for (const auto& bad : file.at("bad_input")) {
    std::vector<Values> values;
    for (const auto& column : bad.at("columns")) values.push_back(parity::numbers(column));
    if (bad.at("name") == "all_tied") {
      EXPECT_EQ(friedman_test(values, 0).p_value, 1);  // SciPy: NaN
    } else {
      EXPECT_THROW(friedman_test(values, 0), DataError) << bad.at("name");
    }
  }
}

TEST(StatisticsParity, NemenyisCriticalDifferencesEqualTheTables) {
  const json fixture = load("stats_nemenyi_cd.json");
  ASSERT_FALSE(fixture.at("cases").empty());
  for (const auto& test_case : fixture.at("cases")) {
    for (const auto& [cases, expected] : test_case.at("cd").items()) {
      const double got =
          nemenyi_critical_difference(test_case.at("alpha"), test_case.at("methods"), std::stoll(cases));
      EXPECT_NEAR(got, expected.get<double>(), fixture.at("rtol").get<double>() * expected.get<double>());
    }
  }
}

TEST(StatisticsParity, EffectSizesEqualTheFormulas) {
  const double atol = tolerance_of("stats_effects").at("atol");
  const json test_cases = load("stats_effects.json");
  ASSERT_FALSE(test_cases.at("cases").empty());
  for (const auto& test_case : test_cases.at("cases")) {
    const Values x = test_case.at("x");
    const Values y = test_case.at("y");
    if (test_case.at("rank_biserial").is_number()) {
      EXPECT_NEAR(rank_biserial(x, y, 0), test_case.at("rank_biserial").get<double>(), atol);
    }
    EXPECT_NEAR(hodges_lehmann(x, y, 0.95).estimate, test_case.at("hodges_lehmann").get<double>(), atol);
  }
}

double statistic_of(const std::string& name, Values values) {
  if (name == "mean")
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  std::sort(values.begin(), values.end());
  return quantile(values, 0.5);
}

Values left_out_values(const std::string& name, const Values& values) {
  Values left_out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    Values rest = values;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    left_out.push_back(statistic_of(name, rest));
  }
  return left_out;
}

Values resampled_values(const std::string& name, const Values& values, const json& indices) {
  Values resampled;
  for (const auto& row : indices) {
    Values drawn;
    for (const auto& index : row) drawn.push_back(values.at(index.get<std::size_t>()));
    resampled.push_back(statistic_of(name, drawn));
  }
  return resampled;
}

// For given resample indices: percentile and BCa intervals of means and medians. A case may have no BCa,
// where that is not defined.
TEST(StatisticsParity, BootstrapIntervalsEqualTheFormulas) {
  const double atol = tolerance_of("stats_bootstrap").at("atol");
  const json test_cases = load("stats_bootstrap.json");
  json indices;
  int compared = 0;
  int without_bca = 0;
  ASSERT_FALSE(test_cases.at("cases").empty());
  for (const auto& test_case : test_cases.at("cases")) {
    const std::string name = test_case.at("statistic");
    const Values difference = differences(test_case.at("x"), test_case.at("y"));
    const double estimate = statistic_of(name, difference);
    EXPECT_NEAR(estimate, test_case.at("estimate").get<double>(), atol);
    if (test_case.at("indices").is_array())
      indices = test_case.at("indices");  // else those of the case before
    const Values resampled = resampled_values(name, difference, indices);
    Values sorted = resampled;
    std::sort(sorted.begin(), sorted.end());
    for (const char* level : {"0.9", "0.95", "0.99"}) {
      const double confidence = std::atof(level);
      const auto& percentile = test_case.at(std::string("percentile_") + level);
      EXPECT_NEAR(quantile(sorted, (1 - confidence) / 2), percentile.at(0).get<double>(), atol);
      EXPECT_NEAR(quantile(sorted, (1 + confidence) / 2), percentile.at(1).get<double>(), atol);
      const json bca = test_case.value(std::string("bca_") + level, json());
      if (bca.is_null() || !bca.at(0).is_number() || !bca.at(1).is_number()) {
        ++without_bca;
        continue;
      }
      ++compared;
      const auto interval = bca_interval(estimate, resampled, left_out_values(name, difference), confidence);
      ASSERT_TRUE(interval);
      EXPECT_NEAR(interval->low, bca.at(0).get<double>(), atol);
      EXPECT_NEAR(interval->high, bca.at(1).get<double>(), atol);
      if (name == "mean") {
        EXPECT_NEAR(bca_interval(difference, resampled, confidence)->low, interval->low, atol);
      }
    }
  }
  std::cout << "compared " << compared << " BCa intervals; " << without_bca << " are not defined\n";
  EXPECT_GT(compared, 0);
}

// Where SciPy raises or returns NaN, totum must not return a p-value.
TEST(StatisticsParity, RefusesWhatScipyRefuses) {
  const json cs = load("stats_bad_input.json");
  ASSERT_FALSE(cs.at("cases").empty());
  for (const auto& c : cs.at("cases")) {
    if (!c.at("x").is_array() || !c.contains("y") || !c.at("y").is_array()) continue;
    const Values x = parity::numbers(c.at("x"));
    const Values y = parity::numbers(c.at("y"));
    bool bad = x.size() != y.size() || x.empty();
    for (const Values* values : {&x, &y}) {
      for (const double v : *values) bad = bad || !std::isfinite(v);
    }
    if (bad) {
      EXPECT_THROW(wilcoxon_signed_rank(x, y), DataError) << c.at("name");
    } else {
      const double p = wilcoxon_signed_rank(x, y).p_value;
      EXPECT_TRUE(p >= 0 && p <= 1) << c.at("name");
    }
  }
}

}  // namespace
}  // namespace totum
