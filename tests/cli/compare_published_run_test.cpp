// `totum compare` on the validation scores of the published training run: ten checkpoints as ten methods. The
// expected numbers are SciPy's, statsmodels' and scikit-posthocs' (stats_published_run.json).

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cli/commands.h"
#include "core/json_reader.h"
#include "tests/core/temporary_folder.h"
#include "tests/evaluation/parity_json.h"
#include "tests/evaluation/published_run.h"

namespace totum {
namespace {

using nlohmann::json;

// The expected numbers take all 24 cases and 13 organs as one cell, so the files name one modality and one
// relation. With `organ`, only its scores.
json compared(const json& run, std::int64_t organ) {
  const TemporaryFolder folder;
  const auto by_epoch = published_run_scores(read_split(TOTUM_SOURCE_DIR "/data_splits/amos22.csv"));
  std::vector<std::string> arguments{"compare"};
  for (auto [epoch, scores] : by_epoch) {
    std::erase_if(scores, [&](const Score& score) { return organ != 0 && score.organ != organ; });
    for (Score& score : scores) {
      score.modality = Modality::ct;
      score.relation = Relation::intra;
    }
    const auto file = folder.path() / fmt::format("{}.csv", epoch);
    write_scores(file, scores);
    arguments.push_back(fmt::format("{}={}", epoch, file.string()));
  }
  const auto more = {std::string("--out"),       (folder.path() / "out").string(),
                     std::string("--reference"), run.at("reference_epoch").dump(),
                     std::string("--metric"),    std::string("dice_published"),
                     std::string("--grid"),      std::string("network")};
  arguments.insert(arguments.end(), more.begin(), more.end());
  std::reverse(arguments.begin(), arguments.end());
  CLI::App app;
  int exit_status = 0;
  add_compare_command(app, exit_status);
  testing::internal::CaptureStdout();
  app.parse(arguments);
  testing::internal::GetCapturedStdout();
  EXPECT_EQ(exit_status, 0);
  return read_json_file(folder.path() / "out/report.json").at("tables").at(0);
}

void expect_near(const json& got, const json& expected, double atol, double rtol = 0) {
  EXPECT_NEAR(got.get<double>(), expected.get<double>(), atol + rtol * std::abs(expected.get<double>()));
}

// The order of methods by mean rank, and the Friedman test behind it.
void expect_ranking(const json& table, const json& run, const json& friedman, const json& mean_ranks) {
  const json& ranking = table.at("rankings").at(0);
  EXPECT_EQ(ranking.at("patients"), 24);
  expect_near(ranking.at("friedman").at("chi_square"), friedman.at("statistic"), 1e-9);
  expect_near(ranking.at("friedman").at("p"), friedman.at("pvalue"), 0, 1e-9);
  const json& by_rank = ranking.at("schemes").at(2);
  ASSERT_EQ(by_rank.at("scheme"), "mean_rank");
  ASSERT_EQ(by_rank.at("places").size(), run.at("epochs").size());
  for (const json& place : by_rank.at("places")) {
    for (std::size_t m = 0; m < run.at("epochs").size(); ++m) {
      if (place.at("entry") == run.at("epochs").at(m).dump())
        expect_near(place.at("value"), mean_ranks.at(m), 1e-12);
    }
  }
}

// SciPy's p is that of differences without ties. Two of checkpoint 299 tie but for the last bit; with that
// tie 0.18513941764831543 of the 2^24 sign flips are as extreme, counted one by one in NumPy (ranks from
// SciPy's rankdata of differences rounded to nine decimals).
double expected_p(const json& comparison) {
  return comparison.at("versus") == 299 ? 0.18513941764831543
                                        : comparison.at("scipy_default").at("pvalue").get<double>();
}

TEST(ComparePublishedRun, EqualsSciPyByCase) {
  const json run = parity::load("stats_published_run.json");
  const json table = compared(run, 0);
  const json& pooled = run.at("pooled");
  expect_ranking(table, run, pooled.at("friedman_case_mean"), pooled.at("mean_rank_best_is_1"));
  const json& results = table.at("tests").at("results");
  ASSERT_EQ(results.size(), pooled.at("case_mean_over_organs").size());
  for (const json& expected : pooled.at("case_mean_over_organs")) {
    const auto found = std::find_if(results.begin(), results.end(), [&](const json& test) {
      return test.at("entry") == expected.at("versus").dump();
    });
    ASSERT_NE(found, results.end());
    EXPECT_EQ(found->at("pairs"), expected.at("n"));
    expect_near(found->at("statistic"), expected.at("scipy_default").at("statistic"), 1e-9);
    EXPECT_NEAR(found->at("p").get<double>(), expected_p(expected), 1e-12);
    expect_near(found->at("mean_difference"), expected.at("mean"), 1e-12);
    expect_near(found->at("hodges_lehmann"), expected.at("hodges_lehmann"), 1e-12);
    expect_near(found->at("rank_biserial"), expected.at("rank_biserial"), 1e-12);
  }
  const json& epochs = run.at("epochs");
  for (std::size_t m = 0; m < epochs.size(); ++m) {
    for (const json& value : table.at("values")) {
      if (value.at("entry") == epochs.at(m).dump())
        expect_near(value.at("mean_over_organs"), run.at("mean_dice_per_epoch").at(m), 1e-12);
    }
    for (std::size_t other = 0; other < epochs.size(); ++other) {
      for (const json& pair : table.at("rankings").at(0).at("pairs")) {
        if (pair.at("better") == epochs.at(m).dump() && pair.at("other") == epochs.at(other).dump())
          expect_near(pair.at("p_nemenyi"), pooled.at("nemenyi_p").at(m).at(other), 1e-6);
      }
    }
  }
}

TEST(ComparePublishedRun, RanksOneOrganAsSciPyDoes) {
  const json run = parity::load("stats_published_run.json");
  const json& organ = run.at("per_organ").at(3);
  ASSERT_EQ(organ.at("organ"), "organ_4");
  expect_ranking(compared(run, 4), run, organ.at("friedman"), organ.at("mean_rank_best_is_1"));
}

}  // namespace
}  // namespace totum
