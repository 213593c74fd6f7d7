// `totum evaluate`, as a user calls it: arguments in; files, text and exit status out.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "core/error.h"
#include "data/nifti.h"
#include "evaluation/scores.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

using testing::HasSubstr;

class EvaluateCommandTest : public testing::Test {
 protected:
  void SetUp() override {
    write("labels/amos_0001.nii.gz", {1, 1, 6, 0});
    write("predictions/amos_0001.nii.gz", {1, 0, 6, 9});
  }
  void write(const std::string& name, std::vector<std::uint8_t> voxels) const {
    Geometry geometry;
    geometry.size_xyz = {static_cast<std::int64_t>(voxels.size()), 1, 1};
    write_label_map(at(name), {geometry, std::move(voxels)});
  }
  std::string at(const std::string& name) const { return (folder_.path() / name).string(); }

  // What main() does with this command.
  void call(const std::vector<std::string>& more = {}) {
    CLI::App app;
    add_evaluate_command(app, exit_status_);
    std::vector<std::string> arguments{"evaluate",
                                       "--labels",
                                       at("labels"),
                                       "--predictions",
                                       at("predictions"),
                                       "--split",
                                       TOTUM_SOURCE_DIR "/data_splits/amos22.csv",
                                       "--out",
                                       at("out")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::reverse(arguments.begin(), arguments.end());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    std::string thrown;
    try {
      app.parse(arguments);
    } catch (const Error& error) {
      exit_status_ = error.exit_status();
      thrown = error.what();
    }
    out_ = testing::internal::GetCapturedStdout();
    error_ = testing::internal::GetCapturedStderr() + thrown;
  }

  TemporaryFolder folder_;
  int exit_status_ = 0;
  std::string out_, error_;
};

TEST_F(EvaluateCommandTest, WritesScoresAndSaysTheCells) {
  call({"--name", "nnU-Net, default"});
  EXPECT_EQ(exit_status_, 0);
  // Labelled on CT: organ 6 is right; organ 9 was predicted and is not there. On MR: organ 1, Dice 2/3.
  EXPECT_THAT(out_, HasSubstr("ct intra-modal: Dice 1.0000"));
  EXPECT_THAT(out_, HasSubstr("ct cross-modal: Dice 0.6667"));
  EXPECT_EQ(read_scores(at("out/scores.csv")).front().run, "nnU-Net, default");
}

TEST_F(EvaluateCommandTest, PrintsJson) {
  call({"--json"});
  const auto summary = nlohmann::json::parse(out_);
  EXPECT_EQ(summary.at("cases"), 1);
  EXPECT_EQ(summary.at("cells").at(0).at("hallucinations"), 1);
  EXPECT_DOUBLE_EQ(summary.at("cells").at(1).at("mean_over_organs").get<double>(), 2.0 / 3);
}

TEST_F(EvaluateCommandTest, StopsAtMissingPredictionsUnlessTheyAreAllowed) {
  write("labels/amos_0002.nii.gz", {1});
  call();
  EXPECT_EQ(exit_status_, 2);
  EXPECT_THAT(error_, HasSubstr("no prediction for 1 of 2 cases: amos_0002"));
  EXPECT_FALSE(std::filesystem::exists(at("out")));
  call({"--allow-missing"});
  EXPECT_EQ(exit_status_, 1);
  EXPECT_THAT(error_, HasSubstr("amos_0002"));
  EXPECT_TRUE(std::filesystem::exists(at("out/scores.csv")));
}

TEST_F(EvaluateCommandTest, WritesNothingWhereGeometriesDiffer) {
  write("predictions/amos_0001.nii.gz", {1, 0, 6});
  call();
  EXPECT_NE(exit_status_, 0);
  EXPECT_THAT(error_, HasSubstr("3 x 1 x 1 voxels (x, y, z) instead of 4 x 1 x 1"));
  EXPECT_FALSE(std::filesystem::exists(at("out")));
}

TEST_F(EvaluateCommandTest, RefusesAnotherAffineOfTheSameSize) {
  Geometry geometry;
  geometry.size_xyz = {4, 1, 1};
  geometry.affine[2][3] = 3;  // mm
  write_label_map(at("predictions/amos_0001.nii.gz"), {geometry, {1, 0, 6, 9}});
  call();
  EXPECT_NE(exit_status_, 0);
  EXPECT_THAT(error_, HasSubstr("amos_0001.nii.gz: has another spacing, origin or direction"));
  EXPECT_FALSE(std::filesystem::exists(at("out")));
}

TEST_F(EvaluateCommandTest, RefusesUnknownLabelsAndNamesThem) {
  write("predictions/amos_0001.nii.gz", {1, 0, 6, 77});
  call();
  EXPECT_NE(exit_status_, 0);
  EXPECT_THAT(error_, testing::AllOf(HasSubstr("amos_0001.nii.gz"), HasSubstr("77")));
  EXPECT_FALSE(std::filesystem::exists(at("out")));
}

TEST_F(EvaluateCommandTest, TakesMetricsAndAPolicyAndSaysThem) {
  call({"--metrics", "dice,hd95", "--policy", "nnunet"});
  EXPECT_EQ(exit_status_, 0) << error_;
  EXPECT_EQ(read_scores(at("out/scores.csv")).size(), 26U);
  const auto record = nlohmann::json::parse(std::ifstream(at("out/evaluation.json")));
  EXPECT_EQ(record.at("policy"), "nnunet");
  EXPECT_EQ(record.at("metrics").at(1).at("id"), "hd95");
  EXPECT_EQ(record.at("metrics").at(1).at("higher_is_better"), false);
  EXPECT_EQ(record.at("organs_without_reference").size(), 11U);
  std::ifstream conventions(at("out/conventions.csv"));
  std::string line;
  int lines = 0;
  while (std::getline(conventions, line)) ++lines;
  EXPECT_EQ(lines, 1 + 2 * 6);
}

}  // namespace
}  // namespace totum
