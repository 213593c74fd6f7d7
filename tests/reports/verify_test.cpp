#include "reports/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "core/json_reader.h"
#include "core/sha256.h"
#include "data/nifti.h"
#include "data/prepare.h"
#include "evaluation/score_case.h"
#include "reports/json_difference.h"
#include "reports/record_hash.h"
#include "reports/render.h"
#include "reports/report.h"
#include "tests/core/temporary_folder.h"
#include "tests/reports/synthetic_runs.h"

namespace totum {
namespace {

using nlohmann::json;
using testing::HasSubstr;
namespace fs = std::filesystem;

class VerifyTest : public testing::Test {
 protected:
  void SetUp() override {
    write_synthetic_grid(runs());
    write_report(out(), make_report(read_runs(runs(), synthetic_tables()), shipped_numbers(), {200, 1, 1}));
  }
  fs::path runs() const { return folder_.path() / "runs"; }
  fs::path out() const { return folder_.path() / "report"; }
  fs::path single() const { return runs() / "single/seed-0"; }

  VerifiedLink last_link() const {
    return verify_report({out() / "report.json", runs(), ""}, shipped_numbers()).back();
  }

  // Changes report.json by a function.
  template <class Change>
  void change_report(Change change) const {
    json report = read_json_file(out() / "report.json");
    change(report);
    write_file_atomically(out() / "report.json", report.dump(1));
  }

  static void expect_broken(const VerifiedLink& link, const std::string& name) {
    EXPECT_EQ(link.state, LinkState::broken);
    EXPECT_EQ(link.name, name) << link.detail;
  }

  static void flip_last_byte(const fs::path& path) {
    std::string bytes = read_file(path);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    write_file_atomically(path, bytes);
  }

  TemporaryFolder folder_;
};

TEST_F(VerifyTest, AnUntouchedReportHolds) {
  const auto links = verify_report({out() / "report.json", runs(), ""}, shipped_numbers());
  for (const VerifiedLink& link : links) {
    const bool needs_data = link.name.find("scores of the label maps") != std::string::npos ||
                            link.name.find("images, labels") != std::string::npos;
    EXPECT_EQ(link.state, needs_data ? LinkState::unchecked : LinkState::holds)
        << link.name << ": " << link.detail;
  }
  EXPECT_GT(links.size(), 20U);
}

TEST_F(VerifyTest, WithoutADatasetSaysWhatWasNotChecked) {
  const auto links = verify_report({out() / "report.json", runs(), ""}, shipped_numbers());
  std::vector<std::string> unchecked;
  for (const VerifiedLink& link : links) {
    if (link.state != LinkState::unchecked || !link.name.starts_with("single")) continue;
    unchecked.push_back(link.name);
    EXPECT_THAT(link.detail, HasSubstr("--data DIR"));
  }
  EXPECT_THAT(unchecked,
              testing::UnorderedElementsAre("single/seed-0: images, labels and preprocessing",
                                            "single/seed-0: scores of the label maps, network grid",
                                            "single/seed-0: scores of the label maps, native grid"));
}

TEST_F(VerifyTest, NamesADamagedFileOfTheReport) {
  flip_last_byte(out() / "tables/table1.csv");
  expect_broken(last_link(), "tables/table1.csv");
}

TEST_F(VerifyTest, NamesAChangedConfiguration) {
  change_record(single(), "/config/schedule/epochs", 500);
  expect_broken(last_link(), "single/seed-0/run.json");
}

TEST_F(VerifyTest, NamesAConfigurationThatIsNotTheHashedOne) {
  change_record(single(), "/config/schedule/epochs", 500);
  change_report([&](json& report) {
    for (json& run : report["provenance"]["runs"]) {
      if (run["folder"] == "single/seed-0") run["record_sha256"] = sha256_of_file(single() / "run.json");
    }
  });
  expect_broken(last_link(), "single/seed-0: configuration");
}

TEST_F(VerifyTest, NamesAChangedSplit) {
  write_file_atomically(runs() / "split.csv",
                        "case,modality,subset,task,labelled_organs\nx,ct,train,ct_a,1\n");
  EXPECT_THAT(last_link().name, HasSubstr(": split"));
}

TEST_F(VerifyTest, SaysThatASplitThatIsNotHereWasNotChecked) {
  fs::remove(runs() / "split.csv");
  const auto links = verify_report({out() / "report.json", runs(), ""}, shipped_numbers());
  EXPECT_EQ(links.back().state, LinkState::holds);
  EXPECT_EQ(std::count_if(links.begin(), links.end(),
                          [](const VerifiedLink& l) {
                            return l.state == LinkState::unchecked && l.name.ends_with(": split");
                          }),
            3);
}

TEST_F(VerifyTest, NamesADamagedCheckpoint) {
  flip_last_byte(single() / "best.safetensors");
  expect_broken(last_link(), "single/seed-0/best.safetensors");
}

TEST_F(VerifyTest, NamesADamagedPrediction) {
  flip_last_byte(single() / "predictions/amos_0001.nii.gz");
  expect_broken(last_link(), "single/seed-0/predictions/amos_0001.nii.gz");
}

TEST_F(VerifyTest, NamesAMissingPrediction) {
  fs::remove(single() / "predictions/amos_0001.nii.gz");
  expect_broken(last_link(), "single/seed-0/predictions/amos_0001.nii.gz");
}

TEST_F(VerifyTest, NamesChangedScores) {
  std::string text = read_file(single() / "scores.csv");
  text.replace(text.find("0."), 3, "0.9");
  write_file_atomically(single() / "scores.csv", text);
  expect_broken(last_link(), "single/seed-0/scores.csv");
}

TEST_F(VerifyTest, NamesChangedScoresWhoseHashWasChangedToo) {
  std::string text = read_file(single() / "scores.csv");
  text.replace(text.find("0."), 3, "0.9");
  write_file_atomically(single() / "scores.csv", text);
  json done = read_json_file(single() / "done.json");
  done["files"]["scores.csv"] = sha256_of_file(single() / "scores.csv");
  write_file_atomically(single() / "done.json", done.dump(2));
  expect_broken(last_link(), "single/seed-0/done.json");
}

TEST_F(VerifyTest, TimesInDoneJsonAreNoLink) {
  json done = read_json_file(single() / "done.json");
  done["timing"]["training_s"] = 7.0;
  write_file_atomically(single() / "done.json", done.dump(2));
  EXPECT_EQ(last_link().state, LinkState::holds);
}

TEST_F(VerifyTest, NamesAChangedCell) {
  change_report([](json& report) { report["tables"][0]["values"][0]["mean"] = 0.99; });
  const VerifiedLink link = last_link();
  expect_broken(link, "report.json: table1");
  EXPECT_THAT(link.detail, HasSubstr("cell ct_ct of single/mean is 0.99 in the report"));
}

TEST_F(VerifyTest, NamesAChangedPValue) {
  change_report([](json& report) { report["tables"][1]["tests"]["results"][1]["p_adjusted"] = 0.001; });
  const VerifiedLink link = last_link();
  expect_broken(link, "report.json: table2");
  EXPECT_THAT(link.detail, HasSubstr("cell cross of ablation_a/p_adjusted"));
}

TEST_F(VerifyTest, NamesAHiddenFailure) {
  fs::remove(single() / "done.json");
  write_report(out(), make_report(read_runs(runs(), synthetic_tables()), shipped_numbers(), {200, 1, 1}));
  EXPECT_EQ(last_link().state, LinkState::holds);
  change_report([](json& report) { report["failures"].clear(); });
  expect_broken(last_link(), "report.json: failures");
}

// Which files a report has is the program's to say, not report.json's.
TEST_F(VerifyTest, NamesAFileThatTheReportDoesNotNameAnyMore) {
  fs::remove(out() / "tables/table1_tests.csv");
  change_report([](json& report) { report["files"].erase("tables/table1_tests.csv"); });
  expect_broken(last_link(), "tables/table1_tests.csv");
}

TEST_F(VerifyTest, NamesAFileThatNoReportHas) {
  write_file_atomically(out() / "tables/better.csv", "100");
  expect_broken(last_link(), "tables/better.csv");
  change_report([](json& report) { report["files"]["tables/better.csv"] = sha256(std::string_view("100")); });
  expect_broken(last_link(), "tables/better.csv");
}

TEST_F(VerifyTest, NamesAFileThatSaysSomethingElseThanTheNumbers) {
  write_file_atomically(out() / "report.md", "everything is significant");
  change_report([&](json& report) { report["files"]["report.md"] = sha256_of_file(out() / "report.md"); });
  expect_broken(last_link(), "report.md");
}

TEST_F(VerifyTest, NamesAChangedTitle) {
  change_report([](json& report) { report["title"] = "proof"; });
  expect_broken(last_link(), "report.json: title");
}

TEST_F(VerifyTest, NamesAChangedLogAndAChangedCurve) {
  write_file_atomically(single() / "log.jsonl", "{\"done_iterations\":10,\"losses\":{\"loss\":1.5}}\n");
  write_report(out(), make_report(read_runs(runs(), synthetic_tables()), shipped_numbers(), {200, 1, 1}));
  EXPECT_EQ(last_link().state, LinkState::holds);
  change_report([](json& report) { report["training"][0]["loss"][0][1] = 0.1; });
  expect_broken(last_link(), "report.json: training");
  write_file_atomically(single() / "log.jsonl", "{}\n");
  expect_broken(last_link(), "single/seed-0/log.jsonl");
}

TEST_F(VerifyTest, NamesARunThatCameOrWent) {
  SyntheticRun second;
  second.seed = 1;
  write_synthetic_run(runs(), second);
  expect_broken(last_link(), "report.json: provenance");
  EXPECT_THAT(last_link().detail, HasSubstr("seed-1 of single is missing in the report"));
  fs::remove_all(runs() / "single/seed-1");
  change_report([](json& report) {
    json& values = report["tables"][0]["values"];
    values.erase(values.begin());
  });
  EXPECT_THAT(last_link().detail, HasSubstr("cell ct_ct of single is missing in the report"));
}

TEST(JsonDifference, NamesWhatAnArrayLacks) {
  const json one = json::parse(R"({"runs": [{"id": "single", "seed": 0}]})");
  const json two = json::parse(R"({"runs": [{"id": "single", "seed": 0}, {"id": "single", "seed": 1}]})");
  EXPECT_EQ(first_difference(one, two),
            "seed-1 of single is missing in the report in runs, but not in what is stored");
  EXPECT_EQ(first_difference(two, one),
            "seed-1 of single stands in the report in runs, but not in what is stored");
  EXPECT_EQ(first_difference(one, one), "");
}

// A change that the rules explain is no break, and one that they do not explain still is.
TEST_F(VerifyTest, AnEarlierRuleIsNamedAndAChangedScoreStillBreaksTheChain) {
  change_report([](json& report) {
    report.erase("rules");
    report["tables"][0]["values"][0]["mean"] = 0.99;
  });
  const auto links = verify_report({out() / "report.json", runs(), ""}, shipped_numbers());
  const auto changed = std::find_if(links.begin(), links.end(), [](const VerifiedLink& link) {
    return link.name == "report.json: table1";
  });
  ASSERT_NE(changed, links.end());
  EXPECT_EQ(changed->state, LinkState::changed_rule);
  EXPECT_THAT(changed->detail, HasSubstr("changed since: 2 ("));
  EXPECT_NE(links.back().state, LinkState::broken);
  flip_last_byte(single() / "scores.csv");
  expect_broken(last_link(), "single/seed-0/scores.csv");
}

TEST_F(VerifyTest, AReportThatIsNoneIsRefused) {
  EXPECT_THROW(verify_report({out() / "none.json", runs(), ""}, shipped_numbers()), DataError);
  write_file_atomically(out() / "report.json", "{}");
  EXPECT_THROW(last_link(), DataError);
}

// A run with real label maps of one test case of four voxels, in a row and 1 mm apart: the bright half is the
// network grid. tests/evaluation/rescore_test.cpp has its Dice by hand.
class VerifyDataTest : public testing::Test {
 protected:
  void SetUp() override {
    write_file_atomically(data() / "dataset.json", "{}");
    write(data() / "imagesTr/amos_0001.nii.gz", {0, 0, 100, 100});
    write(data() / "labelsTr/amos_0001.nii.gz", {1, 1, 2, 0});
    write_synthetic_run(runs(), {"single", 0, 1, {}});
    write_file_atomically(split(),
                          "case,modality,subset,task,labelled_organs\namos_0001,ct,test,ct_a,1 2 3\n");
    write(run() / "predictions/amos_0001.nii.gz", {1, 0, 2, 2});
    write(run() / "predictions_network/amos_0001.nii.gz", {2, 2});
    std::vector<Score> scores = scored("network", {2, 2}, {2, 0});
    for (const Score& score : scored("native", {1, 0, 2, 2}, {1, 1, 2, 0})) scores.push_back(score);
    finish(scores);
  }
  std::vector<Score> scored(const std::string& grid, const std::vector<std::uint8_t>& prediction,
                            const std::vector<std::uint8_t>& reference) const {
    return score_case({"single/seed-0", "amos_0001", Modality::ct, grid}, prediction, reference,
                      read_split(split()));
  }
  // Everything that follows from the scores: hashes and report.
  void finish(const std::vector<Score>& scores) const {
    write_scores(run() / "scores.csv", scores);
    json done = read_json_file(run() / "done.json");
    done["files"] = json::object();
    for (const char* name :
         {"scores.csv", "predictions/amos_0001.nii.gz", "predictions_network/amos_0001.nii.gz"})
      done["files"][name] = sha256_of_file(run() / name);
    write_file_atomically(run() / "done.json", done.dump(2));
    PreprocessConfig config;
    config.spacing_mm = {1, 1, 1};
    config.torso_margin_voxels = 0;
    change_record(run(), "/config/preprocess", to_json(config));
    change_record(run(), "/hashes/split", sha256_of_file(split()));
    change_record(run(), "/hashes/data",
                  data_sha256_of(open_dataset(data()), read_split(split()), config, 1));
    change_record(run(), "/hashes/config", config_sha256(read_json_file(run() / "run.json")));
    write_report(out(), make_report(read_runs(runs(), synthetic_tables()), shipped_numbers(), {200, 1, 1}));
  }
  static void write(const fs::path& path, std::vector<std::uint8_t> voxels) {
    Geometry geometry;
    geometry.size_xyz = {static_cast<std::int64_t>(voxels.size()), 1, 1};
    if (voxels.size() == 2) geometry.affine[0][3] = 2;  // the network grid begins at the third voxel
    write_label_map(path, {geometry, std::move(voxels)});
  }
  std::vector<VerifiedLink> links() const {
    return verify_report({out() / "report.json", runs(), data()}, shipped_numbers());
  }
  fs::path runs() const { return folder_.path() / "runs"; }
  fs::path run() const { return runs() / "single/seed-0"; }
  fs::path split() const { return runs() / "split.csv"; }
  fs::path out() const { return folder_.path() / "report"; }
  fs::path data() const { return folder_.path() / "data"; }
  TemporaryFolder folder_;
};

TEST_F(VerifyDataTest, ScoresBothGridsAgain) {
  int scored_again = 0;
  for (const VerifiedLink& link : links()) {
    EXPECT_EQ(link.state, LinkState::holds) << link.name << ": " << link.detail;
    if (link.detail == "26 values of 1 cases are equal when scored again") ++scored_again;
  }
  EXPECT_EQ(scored_again, 2);
}

TEST_F(VerifyDataTest, ADatasetOfOtherCasesBreaksTheChain) {
  for (const char* name : {"imagesTr", "labelsTr"})
    fs::rename(data() / name / "amos_0001.nii.gz", data() / name / "amos_0002.nii.gz");
  const auto found = links();
  EXPECT_EQ(found.back().state, LinkState::broken);
  EXPECT_EQ(found.back().name, "single/seed-0: scores of the label maps, network grid");
  EXPECT_THAT(found.back().detail, HasSubstr("amos_0001"));
  EXPECT_EQ(found.at(found.size() - 2).state, LinkState::unchecked);  // the hash of what is not there
}

TEST_F(VerifyDataTest, AnotherImageBreaksTheHashOfTheData) {
  write(data() / "imagesTr/amos_0001.nii.gz", {0, 0, 100, 101});
  EXPECT_EQ(links().back().state, LinkState::broken);
  EXPECT_EQ(links().back().name, "single/seed-0: images, labels and preprocessing");
}

// Scores that were made up before the run wrote its hashes: every other link holds.
TEST_F(VerifyDataTest, ScoresThatTheLabelMapsDoNotGiveBreakTheChain) {
  finish(scored("network", {2, 0}, {2, 0}));
  EXPECT_EQ(links().back().state, LinkState::broken);
  EXPECT_THAT(links().back().detail, HasSubstr("amos_0001, organ 2, dice: 1 in scores.csv, 0.666"));
}

}  // namespace
}  // namespace totum
