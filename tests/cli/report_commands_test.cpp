// The commands that make and check reports, as a user calls them: arguments in, files, text and exit status
// out.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/commands.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json_reader.h"
#include "tests/core/temporary_folder.h"
#include "tests/reports/synthetic_runs.h"

namespace totum {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

struct Outcome {
  int exit_status = 0;
  std::string out, error;
};

// What main() does with these commands.
Outcome call(std::vector<std::string> arguments) {
  CLI::App app;
  Outcome outcome;
  add_report_command(app, outcome.exit_status);
  add_compare_command(app, outcome.exit_status);
  add_verify_command(app, outcome.exit_status);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  std::string thrown;
  try {
    std::reverse(arguments.begin(), arguments.end());
    app.parse(arguments);
  } catch (const Error& error) {
    outcome.exit_status = error.exit_status();
    thrown = error.what();
  } catch (const CLI::ParseError& error) {
    outcome.exit_status = 2;
    thrown = error.what();
  }
  outcome.out = testing::internal::GetCapturedStdout();
  outcome.error = testing::internal::GetCapturedStderr() + thrown;
  return outcome;
}

class ReportCommandsTest : public testing::Test {
 protected:
  std::string at(const std::string& name) const { return (folder_.path() / name).string(); }
  // OUT/runs/smoke and OUT/report/smoke, as `reproduce` makes them.
  std::string runs() const { return at("results/runs/smoke"); }
  std::string report() const { return at("results/report/smoke"); }
  void write_scores_files() const {
    write_scores(at("ours.csv"), synthetic_scores({"ours", 1, 8, {}}));
    write_scores(at("theirs.csv"), synthetic_scores({"theirs", 2, 8, {}}));
    write_scores(at("fewer.csv"), synthetic_scores({"fewer", 3, 6, {}}));
  }
  TemporaryFolder folder_;
};

TEST_F(ReportCommandsTest, ReportThenVerify) {
  write_shipped_grid(runs());
  const Outcome made = call({"report", runs(), "--out", report()});
  EXPECT_EQ(made.exit_status, 0) << made.error;
  EXPECT_THAT(made.out, HasSubstr("smoke, phantom: not a result about patients"));
  EXPECT_THAT(made.out, HasSubstr("(c) APRN"));
  const Outcome verified = call({"verify", report()});  // finds the runs beside
  EXPECT_EQ(verified.exit_status, 0) << verified.error;
  EXPECT_THAT(verified.out, HasSubstr("report.json: table2"));
}

TEST_F(ReportCommandsTest, ReportOfAFailedRunIsMadeAndExitsWithOne) {
  write_shipped_grid(runs());
  fs::remove(fs::path(runs()) / "single/seed-0/done.json");
  const Outcome made = call({"report", runs(), "--out", report(), "--tables", "table1"});
  EXPECT_EQ(made.exit_status, 1);
  EXPECT_THAT(made.error, HasSubstr("single/seed-0: not started"));
  EXPECT_TRUE(fs::exists(fs::path(report()) / "tables/table1.tex"));
  EXPECT_FALSE(fs::exists(fs::path(report()) / "tables/table2.tex"));
  EXPECT_EQ(call({"verify", report()}).exit_status, 0);
}

TEST_F(ReportCommandsTest, VerifyNamesTheBrokenLink) {
  write_shipped_grid(runs());
  call({"report", runs(), "--out", report()});
  write_file_atomically(fs::path(runs()) / "single/seed-0/best.safetensors", "other weights");
  const Outcome verified = call({"verify", report(), "--json"});
  EXPECT_EQ(verified.exit_status, 1);
  EXPECT_THAT(verified.error, HasSubstr("the chain breaks at single/seed-0/best.safetensors"));
  const auto links = nlohmann::json::parse(verified.out);
  EXPECT_EQ(links.back()["state"], "BROKEN");
}

TEST_F(ReportCommandsTest, CompareThenVerifyThenMoveBoth) {
  write_scores_files();
  const Outcome made =
      call({"compare", "our net=" + at("ours.csv"), "nnU-Net (3d)=" + at("theirs.csv"), "--out", at("out")});
  EXPECT_EQ(made.exit_status, 0) << made.error;
  EXPECT_THAT(made.out, HasSubstr("nnU-Net (3d)"));
  EXPECT_EQ(call({"verify", at("out")}).exit_status, 0);
  fs::create_directory(at("elsewhere"));
  for (const char* name : {"out", "ours.csv", "theirs.csv"})
    fs::rename(at(name), at("elsewhere") + "/" + name);
  EXPECT_EQ(call({"verify", at("elsewhere/out")}).exit_status, 0);
  fs::remove(at("elsewhere/theirs.csv"));
  EXPECT_THAT(call({"verify", at("elsewhere/out")}).error, HasSubstr("theirs.csv: the file is missing"));
}

TEST_F(ReportCommandsTest, CompareListsCasesThatDifferUnlessIntersected) {
  write_scores_files();
  const std::vector<std::string> files{"ours=" + at("ours.csv"), "fewer=" + at("fewer.csv")};
  const Outcome refused = call({"compare", files[0], files[1], "--out", at("out")});
  EXPECT_EQ(refused.exit_status, 2);
  EXPECT_THAT(refused.error, HasSubstr("amos_0007, amos_0008"));
  EXPECT_FALSE(fs::exists(at("out")));
  EXPECT_EQ(call({"compare", files[0], files[1], "--out", at("out"), "--intersect"}).exit_status, 0);
  EXPECT_EQ(call({"verify", at("out")}).exit_status, 0);
}

TEST_F(ReportCommandsTest, CompareRefusesWhatItCantUse) {
  write_scores_files();
  write_file_atomically(
      at("bad.csv"), "run,case,modality,organ,relation,grid,metric,value\nr,c,ct,1,intra,native,dice,nan\n");
  write_file_atomically(at("empty.csv"), "run,case,modality,organ,relation,grid,metric,value\n");
  const std::string ours = "ours=" + at("ours.csv");
  const auto refusal = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "compare");
    arguments.insert(arguments.end(), {"--out", at("out")});
    const Outcome outcome = call(arguments);
    EXPECT_EQ(outcome.exit_status, 2) << outcome.error;
    EXPECT_FALSE(fs::exists(at("out")));
    return outcome.error;
  };
  EXPECT_THAT(refusal({ours}), HasSubstr("At least 2"));
  EXPECT_THAT(refusal({ours, at("theirs.csv")}), HasSubstr("NAME=SCORES.csv"));
  EXPECT_THAT(refusal({ours, "bad=" + at("bad.csv")}), HasSubstr("line 2: value is \"nan\""));
  EXPECT_THAT(refusal({ours, "none=" + at("none.csv")}), HasSubstr("none.csv"));
  EXPECT_THAT(refusal({ours, ours}), HasSubstr("stands twice"));
  EXPECT_THAT(refusal({ours, "theirs=" + at("theirs.csv"), "--reference", "x"}),
              HasSubstr("none of the given names"));
  EXPECT_THAT(refusal({"a=" + at("empty.csv"), "b=" + at("empty.csv")}), HasSubstr("no file holds a score"));
  EXPECT_THAT(refusal({ours, "theirs=" + at("theirs.csv"), "--grid", "mine"}), HasSubstr("--grid"));
}

TEST_F(ReportCommandsTest, WrongFoldersAreTheUsersMistake) {
  EXPECT_EQ(call({"report", at("none"), "--out", at("out")}).exit_status, 2);
  EXPECT_EQ(call({"verify", at("none")}).exit_status, 2);
  EXPECT_FALSE(fs::exists(at("out")));
}

}  // namespace
}  // namespace totum
