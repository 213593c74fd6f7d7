// `totum compare` on files that do not fit together: refused with the place, or handled and said.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "cli/commands.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json_reader.h"
#include "evaluation/scores.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

constexpr std::int64_t kLiver = 6;
constexpr std::int64_t kPancreas = 10;
using Rule = std::function<std::optional<double>(int number, std::int64_t organ)>;

// Eight CT cases with liver and pancreas, both labelled in CT.
std::vector<Score> scores_of(const std::string& run, const Rule& rule, const std::string& metric = "dice") {
  std::vector<Score> scores;
  for (int number = 1; number <= 8; ++number) {
    for (const std::int64_t organ : {kLiver, kPancreas})
      scores.push_back({run, fmt::format("case_{}", number), Modality::ct, organ, Relation::intra, "native",
                        metric, rule(number, organ)});
  }
  return scores;
}

std::optional<double> usual(int number, std::int64_t organ) {
  return (organ == kLiver ? 0.9 : 0.4) + 0.01 * number;
}

class CompareInputsTest : public testing::Test {
 protected:
  std::string at(const std::string& name) const { return (folder_.path() / name).string(); }
  void write(const std::string& name, const std::vector<Score>& scores) const {
    write_scores(at(name), scores);
  }
  void write_text(const std::string& name, const std::string& from, const std::string& to) const {
    std::string text = read_file(at(name));
    for (std::size_t place = 0; (place = text.find(from, place)) != std::string::npos; place += to.size())
      text.replace(place, from.size(), to);
    write_file_atomically(at(name), text);
  }

  // Compares the files "a" and "b" of the folder; leaves exit status, text and errors.
  void compare(std::vector<std::string> more = {}, std::vector<std::string> names = {"a", "b"}) {
    std::vector<std::string> arguments{"compare"};
    for (const std::string& name : names) arguments.push_back(name + "=" + at(name));
    arguments.insert(arguments.end(), {"--out", at("out")});
    arguments.insert(arguments.end(), more.begin(), more.end());
    call(arguments);
  }
  void call(std::vector<std::string> arguments) {
    CLI::App app;
    exit_status_ = 0;
    error_.clear();
    add_compare_command(app, exit_status_);
    add_verify_command(app, exit_status_);
    testing::internal::CaptureStdout();
    try {
      std::reverse(arguments.begin(), arguments.end());
      app.parse(arguments);
    } catch (const Error& error) {
      exit_status_ = error.exit_status();
      error_ = error.what();
    }
    out_ = testing::internal::GetCapturedStdout();
  }
  json table() const { return read_json_file(fs::path(at("out")) / "report.json").at("tables").at(0); }
  std::string page(const std::string& name) const { return read_file(fs::path(at("out")) / name); }

  TemporaryFolder folder_;
  int exit_status_ = 0;
  std::string out_, error_;
};

// `a` was scored on the easy organ alone: 95 beside 68, although it is worse on every liver.
TEST_F(CompareInputsTest, MethodsScoredOnOtherOrgansAreRefusedWithTheList) {
  auto easy = scores_of("a", [](int n, std::int64_t organ) { return *usual(n, organ) - 0.02; });
  std::erase_if(easy, [](const Score& s) { return s.organ == kPancreas; });
  write("a", easy);
  write("b", scores_of("b", usual));
  compare();
  EXPECT_EQ(exit_status_, 2);
  EXPECT_THAT(error_,
              HasSubstr("a: no pancreas (case_1, case_2, case_3, case_4, case_5, case_6, case_7, case_8)"));
  EXPECT_THAT(error_, HasSubstr("--intersect"));
  EXPECT_FALSE(fs::exists(at("out")));
}

TEST_F(CompareInputsTest, IntersectTakesTheCommonOrgansEverywhereAndNamesTheOthers) {
  auto fewer = scores_of("a", usual);
  std::erase_if(fewer, [](const Score& s) { return s.organ == kPancreas && s.case_id != "case_8"; });
  std::erase_if(fewer, [](const Score& s) { return s.case_id == "case_1"; });
  write("a", fewer);
  write("b", scores_of("b", [](int n, std::int64_t organ) { return *usual(n, organ) + 0.001 * n; }));
  compare({"--intersect"});
  ASSERT_EQ(exit_status_, 0) << error_;
  const json t = table();
  EXPECT_EQ(t["cases_left_out"], json({"case_1"}));
  EXPECT_EQ(t["pairs_left_out"].size(), 6U);
  EXPECT_EQ(t["pairs_left_out"][0], (json{{"case", "case_2"}, {"organ", kPancreas}}));
  const double sum = 0.92 + 0.93 + 0.94 + 0.95 + 0.96 + 0.97 + 0.98 + 0.48;  // seven livers and a pancreas
  for (const json& value : t["values"]) {
    EXPECT_EQ(value["values"], 8);
    EXPECT_EQ(value["patients"], 7);
  }
  EXPECT_NEAR(t["values"][0]["mean"], sum / 8, 1e-12);
  EXPECT_EQ(t["values"][1]["seeds"][0]["mean"], t["values"][1]["mean"]);
  EXPECT_EQ(t["tests"]["results"][0]["pairs"], 7);
  EXPECT_EQ(t["rankings"][0]["values"], 8);
  EXPECT_EQ(t["organs"][1]["patients"], 1);
  for (const char* name : {"report.md", "report.html"})
    EXPECT_THAT(page(name), HasSubstr("left out: pancreas (case_2, case_3, case_4, case_5, case_6, case_7)"))
        << name;
  call({"verify", at("out")});
  EXPECT_EQ(exit_status_, 0) << error_;
}

// HD95 under a policy that skips what was missed: `a` has 1 mm where it found the organ, and no value for
// two.
TEST_F(CompareInputsTest, AMeanWithHolesSaysHowManyAndIsNotTheBest) {
  write("a", scores_of(
                 "a",
                 [](int n, std::int64_t organ) {
                   return organ == kPancreas && n <= 2 ? std::nullopt : std::optional(1.0 + 0.01 * n);
                 },
                 "hd95"));
  write("b", scores_of(
                 "b", [](int n, std::int64_t) { return 3.0 + 0.01 * n; }, "hd95"));
  write("c", scores_of(
                 "c", [](int n, std::int64_t) { return 4.0 + 0.01 * n; }, "hd95"));
  compare({"--metric", "hd95"}, {"a", "b", "c"});
  ASSERT_EQ(exit_status_, 0) << error_;
  const json t = table();
  EXPECT_EQ(t["values"][0]["missed"], 2);
  EXPECT_EQ(t["values"][0]["standing"], "");
  EXPECT_EQ(t["values"][1]["missed"], 0);
  EXPECT_EQ(t["tests"]["results"][0]["organ_values_left_out"], 2);
  EXPECT_THAT(page("report.md"), HasSubstr("| a | 1 | 1.05 ± 0.02 (2 missed) |"));
  EXPECT_THAT(page("report.tex"), HasSubstr("$1.05 \\pm 0.02$ (2 missed)"));
  EXPECT_THAT(out_, HasSubstr("1.05 ± 0.02  (2 missed)"));
  EXPECT_THAT(page("tables/comparison.csv"), HasSubstr(",missed,"));
  EXPECT_THAT(page("report.md"),
              HasSubstr("left out, since only one of them has a score: 2 (case, organ) values"));
  EXPECT_THAT(page("report.md"),
              HasSubstr("Missed: organs of the reference for which a method has no value"));
  EXPECT_THAT(page("report.md"), Not(HasSubstr("Organs that the reference of a case lacks")));
}

TEST_F(CompareInputsTest, FilesThatContradictEachOtherAreRefusedWithThePlace) {
  const auto refusal = [&](auto change) {
    write("a", scores_of("a", usual));
    auto other = scores_of("b", usual);
    change(other);
    write("b", other);
    for (const bool intersect : {false, true}) {
      compare(intersect ? std::vector<std::string>{"--intersect"} : std::vector<std::string>{});
      EXPECT_EQ(exit_status_, 2);
      EXPECT_FALSE(fs::exists(at("out")));
    }
    return error_;
  };
  EXPECT_THAT(refusal([](auto& s) { s[2].in_reference = false; }),
              HasSubstr("organ 6 (liver) of case_2 is in the reference of a, but not of b"));
  EXPECT_THAT(refusal([](auto& s) { s[2].relation = Relation::cross; }),
              HasSubstr("organ 6 (liver) of case_2 is intra in a, but cross in b"));
  EXPECT_THAT(refusal([](auto& s) { s[2].modality = s[3].modality = Modality::mr; }),
              HasSubstr("case case_2 is ct in a, but mr in b"));
}

// Three trainings in one file: averaged for each case and organ, with the spread of their means (.6, .7, .8).
TEST_F(CompareInputsTest, ValuesOfTheColumnRunAreSeeds) {
  std::vector<Score> all;
  for (int seed = 0; seed < 3; ++seed) {
    const auto one = scores_of(fmt::format("a/seed-{}", 5 + seed),
                               [=](int n, std::int64_t) { return 0.6 + 0.1 * seed + 0.001 * (n - 4.5); });
    all.insert(all.end(), one.begin(), one.end());
  }
  write("a", all);
  for (Score& s : all) s.run = "b" + s.run;
  for (Score& s : all) s.value = *s.value - 0.2;
  write("b", all);
  compare();
  ASSERT_EQ(exit_status_, 0) << error_;
  const json t = table();
  EXPECT_EQ(t["entries"][0]["seeds"], json({5, 6, 7}));
  EXPECT_EQ(t["values"][0]["values"], 16);
  EXPECT_NEAR(t["values"][0]["mean"], 0.7, 1e-12);
  EXPECT_NEAR(t["values"][0]["sd_over_seeds"], 0.1, 1e-12);
  ASSERT_EQ(t["values"][0]["seeds"].size(), 3U);
  EXPECT_NEAR(t["values"][0]["seeds"][2]["mean"], 0.8, 1e-12);
  EXPECT_EQ(t["tests"]["results"][0]["pairs"], 8);
  EXPECT_THAT(out_, Not(HasSubstr("Fewer than three seeds")));
  call({"verify", at("out")});
  EXPECT_EQ(exit_status_, 0) << error_;
}

TEST_F(CompareInputsTest, ASeedThatLacksPatientsIsRefusedByName) {
  auto all = scores_of("first", usual);
  auto second = scores_of("second", usual);
  std::erase_if(second, [](const Score& s) { return s.case_id >= "case_7"; });
  all.insert(all.end(), second.begin(), second.end());
  write("a", all);
  write("b", scores_of("b", usual));
  compare();
  EXPECT_EQ(exit_status_, 2);
  EXPECT_THAT(error_, HasSubstr("a (run second): no row of case_7, case_8"));
  EXPECT_THAT(error_, HasSubstr("folds"));
  compare({"--intersect"});
  ASSERT_EQ(exit_status_, 0) << error_;
  EXPECT_EQ(table()["cases_left_out"], json({"case_7", "case_8"}));
}

TEST_F(CompareInputsTest, NamesInAnotherCaseAreRead) {
  write("a", scores_of("a", usual));
  write("b", scores_of("b", [](int n, std::int64_t organ) { return *usual(n, organ) - 0.001 * n; }));
  write_text("b", ",native,dice,", ",Native,Dice,");
  compare();
  ASSERT_EQ(exit_status_, 0) << error_;
  EXPECT_EQ(table()["values"][1]["values"], 16);
}

TEST_F(CompareInputsTest, AMetricOrGridThatIsNotThereIsSaidWithWhatThereIs) {
  write("a", scores_of("a", usual));
  write("b", scores_of("b", usual));
  write_text("b", ",dice,", ",DSC,");
  compare();
  EXPECT_EQ(exit_status_, 2);
  EXPECT_THAT(error_, HasSubstr("b: no dice on the native grid; it has DSC (native)"));
  write_text("a", ",dice,", ",DSC,");
  compare();
  EXPECT_THAT(error_, HasSubstr("no file holds a score of metric \"dice\" on grid \"native\""));
  EXPECT_THAT(error_, HasSubstr("DSC (native)"));
  write_text("b", ",native,", ",original,");
  compare();
  EXPECT_EQ(exit_status_, 2);
  EXPECT_THAT(error_, HasSubstr("line 2: grid is \"original\"; must be native or network"));
}

TEST_F(CompareInputsTest, AFileThatContradictsItselfIsRefusedByLine) {
  const auto fault = [&](auto change) {
    auto scores = scores_of("a", usual);
    auto second = scores_of("other", usual);
    change(second[0]);
    scores.push_back(second[0]);
    write("a", scores);
    write("b", scores_of("b", usual));
    compare();
    EXPECT_EQ(exit_status_, 2);
    return error_;
  };
  EXPECT_THAT(fault([](Score& s) { s.in_reference = false; }),
              HasSubstr("line 18: in_reference of organ 6 of case_1 is 0, but 1 in line 2"));
  EXPECT_THAT(fault([](Score& s) { s.relation = Relation::cross; }),
              HasSubstr("line 18: organ 6 of case_1 is cross, but intra in line 2"));
  EXPECT_THAT(fault([](Score& s) { s.modality = Modality::mr; }),
              HasSubstr("line 18: case case_1 is both ct and mr (line 2)"));
  EXPECT_THAT(fault([](Score& s) { s.run = "a"; }), HasSubstr("line 18: a second dice of organ 6 of case_1"));
}

}  // namespace
}  // namespace totum
