#include "reports/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "core/json_reader.h"
#include "core/sha256.h"
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
  for (const VerifiedLink& link : links)
    EXPECT_EQ(link.state, LinkState::holds) << link.name << ": " << link.detail;
  EXPECT_GT(links.size(), 20U);
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
                          [](const VerifiedLink& l) { return l.state == LinkState::unchecked; }),
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

TEST_F(VerifyTest, AReportThatIsNoneIsRefused) {
  EXPECT_THROW(verify_report({out() / "none.json", runs(), ""}, shipped_numbers()), DataError);
  write_file_atomically(out() / "report.json", "{}");
  EXPECT_THROW(last_link(), DataError);
}

}  // namespace
}  // namespace totum
