#include "reports/report_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/core/temporary_folder.h"
#include "tests/reports/synthetic_runs.h"

namespace totum {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

const ReportRun& run_of(const ReportInput& input, const std::string& folder) {
  for (const ReportRun& run : input.runs) {
    if (run.folder == folder) return run;
  }
  throw std::out_of_range(folder);
}

std::string refusal(const fs::path& runs) {
  try {
    read_runs(runs, synthetic_tables());
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

class ReportInputTest : public testing::Test {
 protected:
  void SetUp() override { write_synthetic_grid(folder_.path()); }
  const fs::path& runs() const { return folder_.path(); }
  TemporaryFolder folder_;
};

TEST_F(ReportInputTest, ReadsEveryRunOnce) {
  const ReportInput input = read_runs(runs(), synthetic_tables());
  ASSERT_EQ(input.runs.size(), 3U);  // ablation_a stands in both tables
  for (const ReportRun& run : input.runs) EXPECT_TRUE(run.scores) << run.failure;
}

TEST_F(ReportInputTest, KeepsFailedUnfinishedAndMissingRunsWithTheirReason) {
  fs::remove(runs() / "single/seed-0/done.json");
  write_file_atomically(runs() / "single/seed-0/error.json", R"({"error":"the loss became NaN"})");
  fs::remove(runs() / "ablation_a/seed-0/done.json");
  write_file_atomically(runs() / "ablation_a/seed-0/checkpoint.safetensors", "x");
  fs::remove_all(runs() / "ablation_c");
  const ReportInput input = read_runs(runs(), synthetic_tables());
  EXPECT_EQ(run_of(input, "single/seed-0").failure, "the loss became NaN");
  EXPECT_THAT(run_of(input, "ablation_a/seed-0").failure, HasSubstr("not finished"));
  EXPECT_THAT(run_of(input, "ablation_c").failure, HasSubstr("no run"));
  for (const ReportRun& run : input.runs) EXPECT_FALSE(run.scores);
}

TEST_F(ReportInputTest, KeepsDamagedRunsAsFailures) {
  write_file_atomically(runs() / "single/seed-0/run.json", "{\"format\":");
  fs::remove(runs() / "ablation_a/seed-0/scores.csv");
  write_file_atomically(runs() / "ablation_c/seed-0/done.json", "[]");
  const ReportInput input = read_runs(runs(), synthetic_tables());
  for (const ReportRun& run : input.runs) {
    EXPECT_FALSE(run.scores);
    EXPECT_FALSE(run.failure.empty());
  }
}

TEST_F(ReportInputTest, LeavesOutScoresThatTheRunDidNotWrite) {
  const fs::path scores = runs() / "single/seed-0/scores.csv";
  write_file_atomically(scores, read_file(scores) + "single/seed-0,amos_0400,ct,1,cross,network,dice,1\n");
  EXPECT_THAT(run_of(read_runs(runs(), synthetic_tables()), "single/seed-0").failure,
              HasSubstr("was changed"));
}

TEST_F(ReportInputTest, LeavesOutScoresOfAnotherRun) {
  fs::rename(runs() / "single/seed-0", runs() / "single/seed-1");  // copied or renamed by hand
  EXPECT_THAT(run_of(read_runs(runs(), synthetic_tables()), "single/seed-1").failure,
              HasSubstr("a score of single/seed-0"));
}

TEST_F(ReportInputTest, RefusesRunsOfAnotherSizeDataOrConfiguration) {
  const fs::path single = runs() / "single/seed-0";
  change_record(single, "/size", "medium");
  EXPECT_THAT(refusal(runs()), HasSubstr("/size is \"smoke\", but \"medium\" in single/seed-0"));
  change_record(single, "/size", "smoke");
  change_record(single, "/config/schedule/epochs", 200);
  EXPECT_THAT(refusal(runs()), HasSubstr("/config/schedule/epochs"));
  change_record(single, "/config/schedule/epochs", 2);
  change_record(single, "/hashes/data", "0");
  EXPECT_THAT(refusal(runs()), HasSubstr("/hashes/data"));
}

TEST_F(ReportInputTest, AcceptsWhatDecidesNoResult) {
  change_record(runs() / "single/seed-0", "/config/schedule/checkpoint_every_s", 60.0);
  change_record(runs() / "single/seed-0", "/config/description", "other words");
  EXPECT_EQ(refusal(runs()), "");
}

TEST(ReportInput, RefusesAFolderWithoutRuns) {
  const TemporaryFolder folder;
  EXPECT_THAT(refusal(folder.path()), HasSubstr("holds no run of these tables"));
  EXPECT_THAT(refusal(folder.path() / "none"), HasSubstr("there is no such folder"));
}

TEST(ReportInput, TimesDoNotChangeTheHashOfTheResults) {
  const nlohmann::json done{{"files", {{"scores.csv", "1"}}}, {"timing", {{"training_s", 1.0}}}};
  nlohmann::json slower = done, other = done;
  slower["timing"]["training_s"] = 2.0;
  other["files"]["scores.csv"] = "2";
  EXPECT_EQ(done_sha256(done), done_sha256(slower));
  EXPECT_NE(done_sha256(done), done_sha256(other));
}

}  // namespace
}  // namespace totum
