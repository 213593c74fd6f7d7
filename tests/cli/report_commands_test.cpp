// The commands that make and check reports, as a user calls them: arguments in, files, text and exit status
// out.

#include <fmt/format.h>
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
  EXPECT_THAT(refusal({"a=" + at("empty.csv"), "b=" + at("empty.csv")}),
              HasSubstr("empty.csv: holds no score"));
  EXPECT_THAT(refusal({ours, "theirs=" + at("theirs.csv"), "--grid", "mine"}), HasSubstr("--grid"));
}

// Scores of one organ of CT cases, labelled there.
void write_small(const fs::path& path, const std::string& run,
                 const std::vector<std::optional<double>>& values) {
  std::vector<Score> scores;
  for (std::size_t i = 0; i < values.size(); ++i)
    scores.push_back({run, fmt::format("amos_{:04}", i + 1), Modality::ct, 6, Relation::intra, "native",
                      "dice", values[i]});
  write_scores(path, scores);
}

TEST_F(ReportCommandsTest, IntersectLeavesTheSameCasesOutForAllAndSaysSo) {
  write_scores_files();
  const Outcome made = call({"compare", "ours=" + at("ours.csv"), "fewer=" + at("fewer.csv"),
                             "theirs=" + at("theirs.csv"), "--out", at("out"), "--intersect"});
  EXPECT_EQ(made.exit_status, 0) << made.error;
  EXPECT_THAT(made.out, HasSubstr("--intersect"));
  const auto report = read_json_file(fs::path(at("out")) / "report.json");
  const auto& table = report["tables"][0];
  EXPECT_EQ(table["cases_left_out"], nlohmann::json({"amos_0007", "amos_0008", "amos_0513", "amos_0514"}));
  EXPECT_THAT(table["notes"].dump(), HasSubstr("amos_0007, amos_0008, amos_0513, amos_0514"));
  for (const auto& value : table["values"]) EXPECT_EQ(value["patients"], 6);
  for (const auto& value : table["values"]) EXPECT_EQ(value["seeds"][0]["mean"], value["mean"]);
  for (const auto& ranking : table["rankings"]) EXPECT_EQ(ranking["patients"], 6);
  for (const auto& test : table["tests"]["results"]) EXPECT_EQ(test["pairs"], 6);
}

TEST_F(ReportCommandsTest, IntersectOfNoCommonCaseIsRefused) {
  write_small(at("a.csv"), "a", {0.5});
  write_small(at("b.csv"), "b", {std::nullopt, 0.5});
  std::vector<Score> scores = read_scores(at("b.csv"));
  std::erase_if(scores, [](const Score& score) { return !score.value; });
  write_scores(at("b.csv"), scores);
  const Outcome refused =
      call({"compare", "a=" + at("a.csv"), "b=" + at("b.csv"), "--out", at("out"), "--intersect"});
  EXPECT_EQ(refused.exit_status, 2);
  EXPECT_THAT(refused.error, HasSubstr("there is no organ of a case that all were scored on"));
  EXPECT_THAT(refused.error, HasSubstr("\n  a: no row of amos_0002\n"));
  EXPECT_THAT(refused.error, HasSubstr("\n  b: no row of amos_0001\n"));
}

TEST_F(ReportCommandsTest, CompareOfOneCaseHasNoIntervalsAndDecidesNothing) {
  write_small(at("a.csv"), "a", {0.5});
  write_small(at("b.csv"), "b", {0.6});
  const Outcome made = call({"compare", "a=" + at("a.csv"), "b=" + at("b.csv"), "--out", at("out")});
  EXPECT_EQ(made.exit_status, 0) << made.error;
  EXPECT_THAT(made.out,
              HasSubstr("not decidable: 1 case differs in score, which can't give less than p = 1"));
  EXPECT_THAT(made.out, HasSubstr("Fewer than three seeds"));
  const auto table = read_json_file(fs::path(at("out")) / "report.json")["tables"][0];
  EXPECT_TRUE(table["tests"]["results"][0]["power"].is_null());
  EXPECT_TRUE(table["rankings"][0]["schemes"][0]["places"][0]["rank95"].is_null());
  EXPECT_TRUE(table["rankings"][0]["pairs"][0]["order_wrong"].is_null());
}

TEST_F(ReportCommandsTest, CompareOfTiesAloneFindsNoDifference) {
  for (const char* name : {"a", "b", "c"}) write_small(at(name), name, std::vector(12, std::optional(0.5)));
  const Outcome made = call({"compare", "a=" + at("a"), "b=" + at("b"), "c=" + at("c"), "--out", at("out")});
  EXPECT_EQ(made.exit_status, 0) << made.error;
  const auto table = read_json_file(fs::path(at("out")) / "report.json")["tables"][0];
  for (const auto& test : table["tests"]["results"]) {
    EXPECT_EQ(test["p"], 1);
    EXPECT_EQ(test["zeros"], 12);
    EXPECT_EQ(test["verdict"], "identical");
    EXPECT_EQ(test["reason"], "identical scores on 12 cases");
    EXPECT_TRUE(test["t95"].is_null());
  }
  EXPECT_THAT(made.out, HasSubstr("CT, intra-modal: a and b have identical scores on 12 cases"));
  for (const char* page : {"report.md", "report.tex"})
    EXPECT_THAT(read_file(fs::path(at("out")) / page), HasSubstr("identical scores on 12 cases")) << page;
  EXPECT_THAT(read_file(fs::path(at("out")) / "report.md"), testing::Not(HasSubstr("equivalent")));
  const auto& ranking = table["rankings"][0];
  for (const auto& scheme : ranking["schemes"]) {
    for (const auto& place : scheme["places"]) EXPECT_EQ(place["rank"], 1);
  }
  EXPECT_EQ(ranking["friedman"]["p"], 1);
  EXPECT_EQ(ranking["groups"]["wilcoxon-holm"], nlohmann::json::array({{"a", "b", "c"}}));
  for (const auto& pair : ranking["agreement"]) EXPECT_TRUE(pair["tau"].is_null());
}

// 0.5 and 0.51, 0.6 and 0.61: one difference, of which two patients tell no spread. It lies within the margin
// of one point or (a against c) outside.
TEST_F(ReportCommandsTest, CompareOfTwoCasesWithOneDifferenceIsUndecidedWithTheReason) {
  write_small(at("a"), "a", {0.5, 0.6});
  write_small(at("b"), "b", {0.505, 0.605});
  write_small(at("c"), "c", {0.55, 0.65});
  const Outcome made = call({"compare", "a=" + at("a"), "b=" + at("b"), "c=" + at("c"), "--out", at("out")});
  EXPECT_EQ(made.exit_status, 0) << made.error;
  const std::string reason = "the difference has no spread over 2 cases, so that nothing can be tested";
  const auto table = read_json_file(fs::path(at("out")) / "report.json")["tables"][0];
  for (const auto& test : table["tests"]["results"]) {
    EXPECT_EQ(test["verdict"], "undecided");
    EXPECT_EQ(test["reason"], reason);
    EXPECT_EQ(test["spread"], "constant");
    EXPECT_EQ(test["p_equivalence"], 1);
    EXPECT_TRUE(test["power"].is_null());
    EXPECT_THAT(test["sentence"].get<std::string>(), HasSubstr("undecided: " + reason));
  }
  EXPECT_THAT(read_file(fs::path(at("out")) / "report.md"), HasSubstr("| undecided: " + reason));
}

// Cases without the organ are counted holes; an organ that no case has gives no cell of its own.
TEST_F(ReportCommandsTest, CompareCountsHolesAndRefusesScoresOfNothing) {
  const std::optional<double> none;
  write_small(at("a.csv"), "a", {0.5, none, 0.7});
  write_small(at("b.csv"), "b", {0.6, none, 0.8});
  ASSERT_EQ(call({"compare", "a=" + at("a.csv"), "b=" + at("b.csv"), "--out", at("out")}).exit_status, 0);
  const auto table = read_json_file(fs::path(at("out")) / "report.json")["tables"][0];
  EXPECT_EQ(table["cells"].size(), 1U);
  EXPECT_EQ(table["values"][0]["not_scored"], 1);
  EXPECT_EQ(table["values"][0]["patients"], 2);
  EXPECT_EQ(table["values"][0]["missed"], 1);  // in the reference, and no value
  EXPECT_THAT(table["notes"].dump(), HasSubstr("Missed: organs of the reference"));
  write_small(at("nothing.csv"), "n", {none, none, none});
  const Outcome refused =
      call({"compare", "a=" + at("nothing.csv"), "b=" + at("nothing.csv"), "--out", at("elsewhere")});
  EXPECT_EQ(refused.exit_status, 2);
  EXPECT_THAT(refused.error, HasSubstr("no file holds a score"));
}

// A method without a single value where the others have some: a hole in cells, rankings and tests.
TEST_F(ReportCommandsTest, CompareOfAMethodWithoutValuesSaysSo) {
  write_small(at("a.csv"), "a", {0.5, 0.6});
  write_small(at("n.csv"), "n", {std::nullopt, std::nullopt});
  const Outcome made = call({"compare", "a=" + at("a.csv"), "n=" + at("n.csv"), "--out", at("out")});
  EXPECT_EQ(made.exit_status, 0) << made.error;
  EXPECT_THAT(made.out, HasSubstr("– (2 missed)"));
  const auto table = read_json_file(fs::path(at("out")) / "report.json")["tables"][0];
  EXPECT_EQ(table["values"][1]["missed"], 2);
  EXPECT_EQ(table["values"][0]["standing"], "");  // one of one is not the best
  EXPECT_EQ(table["tests"]["skipped"][0]["why"], "no patient has a score from both");
}

TEST_F(ReportCommandsTest, CompareTakesTheMarginOfTheMetricOrTheUsers) {
  for (const char* name : {"a", "b"}) {
    std::vector<Score> scores = synthetic_scores({name, 1, 8, [](auto, auto, auto) { return 12.5; }});
    for (Score& score : scores) score.metric = score.metric == "dice" ? "hd95" : "assd";
    write_scores(at(name), scores);
  }
  const auto margin = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"compare", "a=" + at("a"), "b=" + at("b"), "--out", at("out")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome made = call(arguments);
    EXPECT_EQ(made.exit_status, 0) << made.error;
    const auto table = read_json_file(fs::path(at("out")) / "report.json")["tables"][0];
    return table["tests"]["equivalence_margin"].get<double>();
  };
  EXPECT_EQ(margin({"--metric", "hd95"}), 1);
  EXPECT_EQ(margin({"--metric", "assd"}), 0.5);
  EXPECT_EQ(margin({"--metric", "hd95", "--margin", "2.5"}), 2.5);
  EXPECT_THAT(read_file(fs::path(at("out")) / "report.md"), HasSubstr("difference of 2.50 mm of HD95"));
  EXPECT_EQ(
      call({"compare", "a=" + at("a"), "b=" + at("b"), "--out", at("out"), "--margin", "-1"}).exit_status, 2);
}

TEST_F(ReportCommandsTest, WrongFoldersAreTheUsersMistake) {
  EXPECT_EQ(call({"report", at("none"), "--out", at("out")}).exit_status, 2);
  EXPECT_EQ(call({"verify", at("none")}).exit_status, 2);
  EXPECT_FALSE(fs::exists(at("out")));
}

}  // namespace
}  // namespace totum
