// Short simulations of what docs/statistics.md promises; benchmarks/statistics_simulation.cpp has the long
// ones.
#include <gtest/gtest.h>

#include "evaluation/corrections.h"
#include "tests/evaluation/simulated_patients.h"

namespace totum {
namespace {

using namespace simulation;

// Four standard errors of a share of .95 in 1,000 replicates are .028; BCa of ten patients covers .87.
TEST(Simulation, LeadingIntervalsOfTenSkewedPatientsCoverTheTruth) {
  int pooled = 0, over_organs = 0, in_mean_of_cells = 0;
  constexpr int kReplicates = 1000;
  for (std::uint64_t r = 0; r < kReplicates; ++r) {
    RandomStream random(7, "coverage", r);
    const auto ten = patients(random, 10, false, 0.1);
    const auto cell = *summarise_cell(ten, 50, r, 1);
    const auto mean = *summarise_mean_of({patients(random, 38, false, 0, "a"), ten}, 50, r, 1);
    pooled += cell.leading->low <= 0 && 0 <= cell.leading->high ? 1 : 0;
    over_organs += cell.leading_over_organs->low <= 0 && 0 <= cell.leading_over_organs->high ? 1 : 0;
    in_mean_of_cells += mean.leading->low <= 0 && 0 <= mean.leading->high ? 1 : 0;
  }
  EXPECT_NEAR(pooled / static_cast<double>(kReplicates), 0.95, 0.04);
  EXPECT_NEAR(over_organs / static_cast<double>(kReplicates), 0.95, 0.04);
  EXPECT_NEAR(in_mean_of_cells / static_cast<double>(kReplicates), 0.95, 0.04);
}

// Three tests of pooled pairs under the null: .05 and four standard errors of 150 tables (.07); by the
// signed-rank test of all pairs every third table would have a finding.
TEST(Simulation, PooledPairsKeepTheErrorOfTheFamily) {
  int found = 0, found_by_pairs = 0;
  constexpr int kTables = 150;
  for (std::uint64_t r = 0; r < kTables; ++r) {
    RandomStream random(8, "family", r);
    std::vector<double> p, p_of_pairs;
    for (int test = 0; test < 3; ++test) {
      ComparisonOptions options;
      options.pooled = true;
      options.resamples = 199;
      options.seed = r;
      const auto c = compare(exchangeable_pairs(random, 12, true, "p"), options);
      p.push_back(c.p);
      p_of_pairs.push_back(c.test.p_value);
    }
    const auto any = [](const std::vector<double>& adjusted) {
      return *std::min_element(adjusted.begin(), adjusted.end()) < 0.05;
    };
    found += any(holm(p)) ? 1 : 0;
    found_by_pairs += any(holm(p_of_pairs)) ? 1 : 0;
  }
  EXPECT_LT(found / static_cast<double>(kTables), 0.12);
  EXPECT_GT(found_by_pairs / static_cast<double>(kTables), 0.2);
}

// The true mean lies at the margin. Four standard errors of 200 studies at the accepted share are at most
// .11.
TEST(Simulation, RareFailuresAreSeldomCalledEquivalent) {
  constexpr int kStudies = 200;
  for (const FailureModel& model : kFailureModels) {
    int equivalent = 0;
    for (std::uint64_t r = 0; r < kStudies; ++r) {
      RandomStream random(9, model.name, r);
      ComparisonOptions options;
      options.equivalence_margin = 1;
      options.resamples = 500;
      options.seed = r;
      const auto c = compare(failing_pairs(random, 48, model), options);
      equivalent += judge(c, {1, c.smallest_p, c.p_equivalence}, 0.05) == Verdict::equivalent ? 1 : 0;
    }
    const double accepted = accepted_equivalence(48, model);
    EXPECT_LT(equivalent / static_cast<double>(kStudies),
              accepted + 4 * std::sqrt(accepted * (1 - accepted) / kStudies))
        << model.name;
  }
}

}  // namespace
}  // namespace totum
