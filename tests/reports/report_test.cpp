#include "reports/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "reports/render.h"
#include "tests/core/temporary_folder.h"
#include "tests/reports/synthetic_runs.h"

namespace totum {
namespace {

using nlohmann::json;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr ReportOptions kFewResamples{500, 1, 2};

json report_of(const fs::path& runs) {
  return make_report(read_runs(runs, synthetic_tables()), shipped_numbers(), kFewResamples);
}

json find(const json& list, const std::string& cell, const std::string& entry) {
  for (const json& item : list) {
    if (item.at("cell") == cell && item.at("entry") == entry) return item;
  }
  return nullptr;
}

json places(const json& ranking, const std::string& scheme) {
  for (const json& item : ranking.at("schemes")) {
    if (item.at("scheme") == scheme) return item.at("places");
  }
  return nullptr;
}

// Values of a cell, straight from the made-up scores.
std::vector<double> values_of(const std::vector<Score>& scores, Modality modality, Relation relation) {
  std::vector<double> values;
  for (const Score& s : scores) {
    if (s.modality == modality && s.relation == relation && s.grid == "network" && s.metric == "dice")
      values.push_back(*s.value);
  }
  return values;
}

std::pair<double, double> mean_and_sd(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  const double mean = sum / static_cast<double>(values.size());
  for (const double v : values) squares += (v - mean) * (v - mean);
  return {mean, std::sqrt(squares / static_cast<double>(values.size() - 1))};
}

class ReportTest : public testing::Test {
 protected:
  void SetUp() override { write_synthetic_grid(folder_.path()); }
  const fs::path& runs() const { return folder_.path(); }
  TemporaryFolder folder_;
};

TEST_F(ReportTest, CellsHoldMeanAndDeviationOverAllPairs) {
  const auto scores = read_scores(runs() / "single/seed-0/scores.csv");
  const json report = report_of(runs());
  for (const auto& [cell, modality, relation] : {std::tuple{"ct_ct", Modality::ct, Relation::intra},
                                                 std::tuple{"ct_mr", Modality::ct, Relation::cross},
                                                 std::tuple{"mr_ct", Modality::mr, Relation::cross},
                                                 std::tuple{"mr_mr", Modality::mr, Relation::intra}}) {
    const auto [mean, sd] = mean_and_sd(values_of(scores, modality, relation));
    const json value = find(report["tables"][0]["values"], cell, "single");
    EXPECT_NEAR(value["mean"], mean, 1e-12);
    EXPECT_NEAR(value["sd"], sd, 1e-12);
    EXPECT_EQ(value["patients"], 8);
    EXPECT_EQ(value["values"], 8 * ((modality == Modality::ct) == (relation == Relation::intra) ? 8 : 5));
    EXPECT_LT(value["bca95"][0], mean);
    EXPECT_GT(value["bca95"][1], mean);
  }
}

TEST_F(ReportTest, TableTwoIsThePlainMeanOfTwoCells) {
  const json values = report_of(runs())["tables"][1]["values"];
  for (const char* key : {"mean", "sd"}) {
    const double expected = (find(values, "ct_ct", "ablation_a")[key].get<double>() +
                             find(values, "mr_mr", "ablation_a")[key].get<double>()) /
                            2;
    EXPECT_NEAR(find(values, "intra", "ablation_a")[key], expected, 1e-12);
  }
  EXPECT_EQ(find(values, "intra", "ablation_a")["patients"], 16);
}

TEST_F(ReportTest, TestsEveryOtherEntryInEveryShownCell) {
  const json report = report_of(runs());
  EXPECT_EQ(report["tables"][0]["tests"]["results"].size(), 8U);  // 2 methods x 4 cells
  EXPECT_EQ(report["tables"][1]["tests"]["results"].size(), 2U);
  const json test = find(report["tables"][0]["tests"]["results"], "ct_ct", "single");
  EXPECT_EQ(test["pairs"], 8);
  EXPECT_EQ(test["wins"], 8);
  EXPECT_DOUBLE_EQ(test["p"], 2.0 / 256);  // all eight signs alike: 2 of 2^8 arrangements
  EXPECT_DOUBLE_EQ(test["smallest_p"], 2.0 / 256);
  EXPECT_DOUBLE_EQ(test["rank_biserial"], 1.0);
}

TEST_F(ReportTest, CorrectsOverAllTestsOfTheTable) {
  const json results = report_of(runs())["tables"][0]["tests"]["results"];
  for (const json& test : results) EXPECT_DOUBLE_EQ(test["p_adjusted"], 8 * 2.0 / 256);  // Holm, all p equal
  for (const json& test : results)
    EXPECT_EQ(test["verdict"], "unreachable");  // 0.0625 > 0.05, whatever the scores
}

TEST_F(ReportTest, FailedRunsStayInTheFamily) {
  fs::remove(runs() / "ablation_a/seed-0/done.json");
  const json tests = report_of(runs())["tables"][0]["tests"];
  EXPECT_EQ(tests["results"].size(), 4U);
  EXPECT_EQ(tests["skipped"].size(), 4U);
  for (const json& test : tests["results"]) EXPECT_DOUBLE_EQ(test["p_adjusted"], 8 * 2.0 / 256);
}

TEST_F(ReportTest, AFailedRunIsAHoleWithAReason) {
  fs::remove(runs() / "single/seed-0/done.json");
  write_file_atomically(runs() / "single/seed-0/error.json", R"({"error":"the loss became NaN"})");
  const json report = report_of(runs());
  EXPECT_EQ(report["failures"][0]["reason"], "the loss became NaN");
  const json value = find(report["tables"][0]["values"], "ct_ct", "single");
  EXPECT_FALSE(value.contains("mean"));
  EXPECT_EQ(value["why"], "no run of it has scores");
  EXPECT_TRUE(find(report["tables"][0]["values"], "ct_ct", "ablation_c").contains("mean"));
}

TEST_F(ReportTest, EqualRunsGiveEqualBytesButForTimes) {
  const json first = report_of(runs());
  json done = read_json_file(runs() / "single/seed-0/done.json");
  done["timing"]["training_s"] = 99.0;
  write_file_atomically(runs() / "single/seed-0/done.json", done.dump(2));
  json second = make_report(read_runs(runs(), synthetic_tables()), shipped_numbers(), {500, 1, 4});
  EXPECT_NE(first["times"].dump(), second["times"].dump());
  second["times"] = first["times"];
  EXPECT_EQ(first.dump(), second.dump());
}

TEST_F(ReportTest, AnyNumberOfThreadsGivesTheSameBytes) {
  const ReportInput input = read_runs(runs(), synthetic_tables());
  const std::string one = make_report(input, shipped_numbers(), {1000, 1, 1}).dump();
  for (const int threads : {2, 3})
    EXPECT_EQ(make_report(input, shipped_numbers(), {1000, 1, threads}).dump(), one) << threads;
}

TEST_F(ReportTest, SaysThatFewerThanThreeSeedsSpeakAboutWeights) {
  EXPECT_THAT(report_of(runs())["caveats"].dump(), HasSubstr("Fewer than three seeds"));
  write_synthetic_grid(runs(), 3);
  const json report = report_of(runs());
  EXPECT_THAT(report["caveats"].dump(), testing::Not(HasSubstr("three seeds")));
  const json value = find(report["tables"][0]["values"], "ct_ct", "single");
  EXPECT_EQ(value["seeds"].size(), 3U);
  EXPECT_EQ(value["values"], 64);  // averaged over seeds, not piled up
  std::vector<double> means;
  for (const json& seed : value["seeds"]) means.push_back(seed["mean"]);
  EXPECT_NEAR(value["sd_over_seeds"], mean_and_sd(means).second, 1e-12);
}

TEST_F(ReportTest, NamesItsSizeAndRepeatsNotesAndWarningsOnce) {
  const json report = report_of(runs());
  EXPECT_EQ(report["size"], "smoke, phantom: not a result about patients");
  std::set<std::string> texts;
  for (const json& warning : report["warnings"]) {
    texts.insert(warning["text"]);
    EXPECT_EQ(warning["runs"].size(), 3U);
  }
  EXPECT_EQ(texts, (std::set<std::string>{"a note of the plan", "a warning of the run"}));
}

// With the published code's preprocessing no table may be shown without the word that labels cut the test
// images.
TEST_F(ReportTest, SaysOnEveryPageThatLabelsDecidedWhereImagesWereCut) {
  for (const char* id : {"single", "ablation_a", "ablation_c"})
    change_record(runs() / id / "seed-0", "/config/preprocess", {{"z_extent", "labels"}});
  const json report = report_of(runs());
  const std::string sentence =
      "smoke, phantom: not a result about patients; images cut in z with their labels";
  EXPECT_EQ(report["size"], sentence);
  EXPECT_EQ(report["caveats"][0], sentence);
  const json& table = report["tables"][0];
  for (const std::string& page :
       {render_markdown(report), render_latex_document(report), render_latex_table(report, table),
        render_csv_values(report, table), render_csv_tests(report, table)}) {
    EXPECT_NE(page.find("images cut in z with their labels"), std::string::npos) << page.substr(0, 400);
  }
  for (const json& warning : report["warnings"])
    EXPECT_EQ(warning["text"].get<std::string>().find("patients"), std::string::npos);
}

TEST_F(ReportTest, WarnsOfRunsThatWereMadeDifferently) {
  change_record(runs() / "single/seed-0", "/device", "cuda:0");
  EXPECT_THAT(report_of(runs())["warnings"].dump(), HasSubstr("the runs differ in device"));
}

TEST_F(ReportTest, PhantomNumbersAreNotComparedWithThePaper) {
  const json paper = find(report_of(runs())["tables"][0]["values"], "ct_ct", "single")["paper"];
  EXPECT_DOUBLE_EQ(paper["mean"], 0.788);
  EXPECT_EQ(paper["verdict"], "not comparable");
  EXPECT_EQ(paper["why"], "phantom data");
  const json none = find(report_of(runs())["tables"][0]["values"], "ct_ct", "ablation_c");
  EXPECT_FALSE(none.contains("paper"));  // Table 1 of the paper has no ablation
}

TEST(Report, ComparesWithThePaperOnItsOwnData) {
  for (const auto& [centre, verdict] :
       {std::pair{0.95, "above"}, std::pair{0.788, "inside"}, std::pair{0.5, "below"}}) {
    const TemporaryFolder folder;
    const auto rule = [c = centre](std::int64_t number, Modality, std::int64_t) {
      return std::optional(c + 0.01 * (static_cast<double>(number) - 4.5));
    };
    for (const char* id : {"single", "ablation_a", "ablation_c"}) {
      const fs::path run = write_synthetic_run(folder.path(), {id, 0, 8, rule});
      change_record(run, "/dataset", "amos22");
      change_record(run, "/preset", "amos22-paper");
      change_record(run, "/notes", json::array());
    }
    const json report = report_of(folder.path());
    EXPECT_EQ(find(report["tables"][0]["values"], "ct_ct", "single")["paper"]["verdict"], verdict);
    EXPECT_EQ(report["size"], "preset amos22-paper, dataset amos22, size smoke");
  }
}

// Runs on the paper's data with the paper's preset, centred on the published mean of `single`.
void write_runs_like_the_papers(const fs::path& runs, std::int64_t cases) {
  const auto rule = [](std::int64_t number, Modality, std::int64_t) {
    return std::optional(0.788 + 0.01 * (static_cast<double>(number) - 4.5));
  };
  for (const char* id : {"single", "ablation_a", "ablation_c"}) {
    const fs::path run = write_synthetic_run(runs, {id, 0, cases, rule});
    change_record(run, "/dataset", "amos22");
    change_record(run, "/preset", "amos22-paper");
    change_record(run, "/notes", json::array());
  }
}

json paper_of_single(const fs::path& runs) {
  return find(report_of(runs)["tables"][0]["values"], "ct_ct", "single")["paper"];
}

TEST(Report, ANoteAboutAGpuIsNoObstacleToThePaper) {
  const TemporaryFolder folder;
  write_runs_like_the_papers(folder.path(), 8);
  const std::string note =
      "trained on a GPU without deterministic convolutions: a repetition differs in the last digits";
  for (const char* id : {"single", "ablation_a", "ablation_c"})
    change_record(folder.path() / id / "seed-0", "/notes", json::array({note}));
  EXPECT_EQ(paper_of_single(folder.path())["verdict"], "inside");
  EXPECT_THAT(report_of(folder.path())["warnings"].dump(), HasSubstr(note));  // a caveat all the same
}

TEST(Report, AnObstacleOfARunForbidsTheComparison) {
  const TemporaryFolder folder;
  write_runs_like_the_papers(folder.path(), 8);
  change_record(folder.path() / "single/seed-0", "/obstacles", {"3 cases are missing", "a changed preset"});
  const json paper = paper_of_single(folder.path());
  EXPECT_EQ(paper["verdict"], "not comparable");
  EXPECT_EQ(paper["why"], "3 cases are missing; a changed preset");
  change_record(folder.path() / "single/seed-0", "/obstacles", json::array());
  EXPECT_EQ(paper_of_single(folder.path())["verdict"], "inside");
}

TEST(Report, OnePatientGivesNoIntervalAndNoVerdictAgainstThePaper) {
  const TemporaryFolder folder;
  write_runs_like_the_papers(folder.path(), 1);
  const json report = report_of(folder.path());
  const json value = find(report["tables"][0]["values"], "ct_ct", "single");
  const json test = find(report["tables"][0]["tests"]["results"], "ct_ct", "single");
  for (const char* key : {"bca95", "bca95_over_organs", "t95"}) EXPECT_TRUE(value[key].is_null()) << key;
  for (const char* key : {"bca95", "t95", "hodges_lehmann_interval", "hodges_lehmann_confidence"})
    EXPECT_TRUE(test[key].is_null()) << key;
  EXPECT_THAT(test["sentence"], HasSubstr("identical scores on 1 case"));
  EXPECT_EQ(value["interval"], "none: fewer than two patients");
  EXPECT_EQ(value["paper"]["verdict"], "not comparable");
  EXPECT_EQ(value["paper"]["why"], "fewer than two patients");
  const json mean_of =
      find(report["tables"][1]["values"], "intra", "ablation_a");  // one CT and one MR patient
  EXPECT_TRUE(mean_of["bca95"].is_null());
  EXPECT_TRUE(mean_of["t95"].is_null());
}

// 12 CT patients who differ by .10 and 4 MR patients who differ by .02: the cell, and so the difference, is
// (.10 + .02)/2 = .06; the 16 patients taken together would differ by .08.
TEST(Report, TableTwoComparesWhatItShows) {
  const TemporaryFolder folder;
  const auto rule = [](double ct, double mr) {
    return [=](std::int64_t number, Modality modality, std::int64_t) {
      return std::optional((modality == Modality::ct ? ct : mr) + 0.01 * static_cast<double>(number % 3));
    };
  };
  write_synthetic_run(folder.path(), {"single", 0, 12, rule(0.3, 0.3), {}, 4});
  write_synthetic_run(folder.path(), {"ablation_a", 0, 12, rule(0.5, 0.48), {}, 4});
  write_synthetic_run(folder.path(), {"ablation_c", 0, 12, rule(0.6, 0.50), {}, 4});
  const json table = report_of(folder.path())["tables"][1];
  const json test = find(table["tests"]["results"], "intra", "ablation_a");
  EXPECT_EQ(test["pairs"], 16);
  EXPECT_NEAR(test["mean_difference"], 0.06, 1e-12);
  EXPECT_NEAR(test["mean_difference"].get<double>(),
              find(table["values"], "intra", "ablation_c")["mean"].get<double>() -
                  find(table["values"], "intra", "ablation_a")["mean"].get<double>(),
              1e-12);
  EXPECT_THAT(test["sentence"], HasSubstr("higher by 6.0 points than"));
  EXPECT_THAT(table["tests"]["pairs_note"], HasSubstr("weigh these cells alike"));
  EXPECT_THAT(find(table["values"], "intra", "ablation_a")["interval"], HasSubstr("Welch-Satterthwaite"));
}

// Differences of ablation_c to the others, in points of Dice, by patient.
const std::vector<double> kCtPoints{1, 3, -2, 4, 0, 2, -1, 5, 2, -3, 1, 0};
const std::vector<double> kMrPoints{2, -1, 3, 0, 4, -2, 1, 1, 5};

json report_of_known_differences(const fs::path& runs) {
  const auto rule = [](double share) {
    return [=](std::int64_t number, Modality modality, std::int64_t) {
      const auto& points = modality == Modality::ct ? kCtPoints : kMrPoints;
      return std::optional(0.5 + share * 0.01 * points[static_cast<std::size_t>(number - 1)]);
    };
  };
  for (const auto& [id, share] :
       {std::pair{"single", 0.0}, std::pair{"ablation_a", 0.0}, std::pair{"ablation_c", 1.0}})
    write_synthetic_run(runs, {id, 0, 12, rule(share), {}, 9});
  return report_of(runs);
}

// Eight tests, so a level of .05/8. statsmodels 0.15.0 with sd = numpy.std(points, ddof=1) / 100:
// TTestPower().solve_power(.01 / sd * sqrt(3 / pi), alpha=.05 / 8, power=.8), rounded up; "now" is
// .power(.01 / sd * sqrt(3 / pi), 12, .05 / 8); for the interval sd * sqrt(11 / scipy.stats.chi2.ppf(q, 11))
// of q = .975 and .025 in its place.
TEST(Report, PowerOfACellEqualsStatsmodels) {
  const TemporaryFolder folder;
  const json tests = report_of_known_differences(folder.path())["tables"][0]["tests"];
  EXPECT_DOUBLE_EQ(tests["power_alpha"], 0.00625);
  const json power = find(tests["results"], "ct_ct", "single")["power"];
  EXPECT_NEAR(power["sd"], 0.023741027013091994, 1e-12);
  EXPECT_EQ(power["test"], "signed-rank test of patients");
  // 20,000 studies each of 12 points about ±.01 by NumPy and scipy.stats.wilcoxon: .1008 and .0220, on
  // average .061. Four standard errors of 1,000 studies are .03.
  EXPECT_NEAR(power["now"], 0.061, 0.03);
  EXPECT_EQ(power["patients_needed"], 80);                        // 79.23
  EXPECT_EQ(power["patients_needed95"], json::array({42, 222}));  // 41.65, 221.33
  EXPECT_EQ(power["patients_needed_alone"], 49);                  // 48.28, at .05
}

// Two tests of a mean of two cells: SE = sqrt(var(ct) / 12 + var(mr) / 9) / 2 and sd = SE sqrt(21).
// statsmodels has no such test; the power of n patients is scipy 1.17.1's nct.sf(c, v, d) + nct.cdf(-c, v, d)
// with Welch and Satterthwaite's v of 12/21 n and 9/21 n patients, c = t.isf(.05 / 4, v) and d = .01 / sd *
// sqrt(3 / pi * n), and the fewest n with .8 were looked for one by one; the interval as above with the v of
// 21 patients.
TEST(Report, PowerOfAMeanOfTwoCellsEqualsTheNoncentralT) {
  const TemporaryFolder folder;
  const json tests = report_of_known_differences(folder.path())["tables"][1]["tests"];
  EXPECT_DOUBLE_EQ(tests["power_alpha"], 0.025);
  const json power = find(tests["results"], "intra", "ablation_a")["power"];
  EXPECT_NEAR(power["sd"], 0.023547001496183745, 1e-12);
  EXPECT_EQ(power["test"], "weighted signed-rank test of patients");
  EXPECT_NEAR(power["degrees_of_freedom"], 17.692704367250695, 1e-9);
  EXPECT_EQ(power["patients_needed"], 58);
  EXPECT_EQ(power["patients_needed95"], json::array({35, 125}));
  EXPECT_EQ(power["patients_needed_alone"], 48);
}

// `single` beats ablation_a by much in nine patients and loses by little in three: the smallest three of 12
// ranks, so p = 2 · 14 / 2^12, by Holm thrice. ablation_c is first in every other patient and last in the
// rest. Rank sums 21, 27 and 24: chi² = 12 / (12 · 3 · 4) (21² + 27² + 24²) - 3 · 12 · 4 = 1.5.
TEST(Report, NoGroupsDifferWithoutASignificantOmnibusTest) {
  const TemporaryFolder folder;
  const auto rule = [](const std::string& id) {
    return [=](std::int64_t number, Modality, std::int64_t) {
      const auto n = static_cast<double>(number);
      if (id == "ablation_a") return std::optional(0.5 + (number <= 9 ? -0.05 - 0.01 * n : 0.01 * (n - 9)));
      return std::optional(id == "single" ? 0.5 : number % 2 == 0 ? 0.8 : 0.2);
    };
  };
  for (const char* id : {"single", "ablation_a", "ablation_c"})
    write_synthetic_run(folder.path(), {id, 0, 12, rule(id)});
  const json ranking = report_of(folder.path())["tables"][0]["rankings"][0];
  EXPECT_NEAR(ranking["friedman"]["chi_square"], 1.5, 1e-12);
  EXPECT_FALSE(ranking["friedman"]["significant"]);
  int significant = 0;
  for (const json& pair : ranking["pairs"]) {
    if (!pair["differs"]) continue;
    ++significant;
    EXPECT_EQ(pair["better"], "single");
    EXPECT_EQ(pair["other"], "ablation_a");
    EXPECT_DOUBLE_EQ(pair["p_adjusted"], 3 * 28.0 / 4096);
  }
  EXPECT_EQ(significant, 1);
  const json all_alike = json::parse(R"([["single", "ablation_c", "ablation_a"]])");
  EXPECT_EQ(ranking["groups"]["wilcoxon-holm"], all_alike);
  EXPECT_EQ(ranking["groups"]["nemenyi"], all_alike);
}

// Holm by hand, two tests: the smaller p twice, the larger one not less than that.
TEST(Report, CorrectsEquivalenceOverTheSameFamily) {
  const TemporaryFolder folder;
  const auto rule = [](double shift) {
    return [=](std::int64_t number, Modality modality, std::int64_t organ) {
      const bool is_intra = (modality == Modality::mr) == (organ <= 4 || organ == 10);
      const double swing = (number % 2 == 0 ? 1 : -1) * (is_intra ? 0.8 : 1.0) * shift;
      return std::optional(0.5 + 0.01 * static_cast<double>(number) + swing);
    };
  };
  write_synthetic_run(folder.path(), {"single", 0, 8, rule(0)});
  write_synthetic_run(folder.path(), {"ablation_a", 0, 8, rule(0.012)});
  write_synthetic_run(folder.path(), {"ablation_c", 0, 8, rule(0)});
  const json results = report_of(folder.path())["tables"][1]["tests"]["results"];
  const json intra = find(results, "intra", "ablation_a");
  const json cross = find(results, "cross", "ablation_a");
  const double smaller = intra["p_equivalence"];
  const double larger = cross["p_equivalence"];
  ASSERT_LT(0, smaller);
  ASSERT_LT(smaller, larger);
  ASSERT_LT(larger, 0.5);
  EXPECT_DOUBLE_EQ(intra["p_equivalence_adjusted"], 2 * smaller);
  EXPECT_DOUBLE_EQ(cross["p_equivalence_adjusted"], std::max(2 * smaller, larger));
}

TEST(Report, CountsWhatIsNotScored) {
  const TemporaryFolder folder;
  const auto rule = [](std::int64_t number, Modality, std::int64_t organ) -> std::optional<double> {
    return organ == 5 && number <= 3 ? std::nullopt : std::optional(0.5);
  };
  for (const char* id : {"single", "ablation_a", "ablation_c"}) {
    write_synthetic_run(folder.path(), {id, 0, 8, rule});
  }
  const json report = report_of(folder.path());
  const json value = find(report["tables"][0]["values"], "ct_ct", "single");
  EXPECT_EQ(value["not_scored"], 3);
  EXPECT_EQ(value["values"], 61);
  EXPECT_EQ(value["hallucinations"], 0);
  const json test = find(report["tables"][0]["tests"]["results"], "ct_ct", "single");
  EXPECT_EQ(test["zeros"], 8);  // equal scores everywhere
  EXPECT_DOUBLE_EQ(test["p"], 1.0);
  EXPECT_EQ(test["verdict"], "identical");
}

// `single` predicts organ 5 in three cases that lack it, the others do not: all are averaged over the same
// pairs.
TEST(Report, AHallucinationIsCountedAndPartOfNoMean) {
  const TemporaryFolder folder;
  for (const char* id : {"single", "ablation_a", "ablation_c"}) {
    const bool hallucinates = std::string(id) == "single";
    const auto absent = [](std::int64_t number, std::int64_t organ) { return organ == 5 && number <= 3; };
    SyntheticRun run{id, 0, 8, {}};
    run.rule = [=](std::int64_t number, Modality, std::int64_t organ) -> std::optional<double> {
      if (!absent(number, organ)) return 0.5;
      return hallucinates ? std::optional(0.0) : std::nullopt;
    };
    run.is_in_reference = [=](std::int64_t number, Modality, std::int64_t organ) {
      return !absent(number, organ);
    };
    write_synthetic_run(folder.path(), run);
  }
  const json values = report_of(folder.path())["tables"][0]["values"];
  for (const char* id : {"single", "ablation_c"}) {
    const json value = find(values, "ct_ct", id);
    EXPECT_DOUBLE_EQ(value["mean"], 0.5);
    EXPECT_EQ(value["values"], 61);
    EXPECT_EQ(value["not_scored"], 3);
  }
  EXPECT_EQ(find(values, "ct_ct", "single")["hallucinations"], 3);
  EXPECT_EQ(find(values, "ct_ct", "ablation_c")["hallucinations"], 0);
}

TEST(Report, RefusesDifferentCasesUnlessIntersected) {
  const TemporaryFolder folder;
  write_synthetic_run(folder.path(), {"single", 0, 6, {}});
  for (const char* id : {"ablation_a", "ablation_c"}) write_synthetic_run(folder.path(), {id, 0, 8, {}});
  ReportInput input = read_runs(folder.path(), synthetic_tables());
  try {
    make_report(input, shipped_numbers(), kFewResamples);
    FAIL() << "not refused";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("amos_0007, amos_0008"));
    EXPECT_THAT(error.what(), HasSubstr("single"));
  }
  input.intersect = true;
  const json tests = make_report(input, shipped_numbers(), kFewResamples)["tables"][0]["tests"];
  EXPECT_EQ(find(tests["results"], "ct_ct", "single")["pairs"], 6);
  EXPECT_THAT(tests["pairs_note"], HasSubstr("only cases and organs that all entries were scored on"));
}

TEST(Report, RanksByMeanAndByRankWithinPatients) {
  // Patient 1 prefers `single` by far, the seven others prefer `ablation_c` by little: the two schemes
  // disagree.
  const TemporaryFolder folder;
  const auto rule = [](double first, double others) {
    return [=](std::int64_t number, Modality, std::int64_t) {
      return std::optional(number == 1 ? first : others);
    };
  };
  write_synthetic_run(folder.path(), {"single", 0, 8, rule(0.9, 0.50)});
  write_synthetic_run(folder.path(), {"ablation_a", 0, 8, rule(0.1, 0.50)});
  write_synthetic_run(folder.path(), {"ablation_c", 0, 8, rule(0.1, 0.51)});
  const json ranking = report_of(folder.path())["tables"][0]["rankings"][0];
  EXPECT_EQ(places(ranking, "mean")[0]["entry"], "single");
  const json by_rank = places(ranking, "mean_rank");
  EXPECT_EQ(by_rank[0]["entry"], "ablation_c");
  EXPECT_DOUBLE_EQ(by_rank[0]["value"], (2.5 + 7 * 1.0) / 8);  // a tie shares ranks 2 and 3
  EXPECT_DOUBLE_EQ(by_rank[1]["value"], (1.0 + 7 * 2.5) / 8);
}

TEST(Report, SentencesSayNoMoreThanTheNumbers) {
  const TemporaryFolder folder;
  write_synthetic_grid(folder.path());
  const json test = find(report_of(folder.path())["tables"][0]["tests"]["results"], "ct_ct", "single");
  const std::string sentence = test["sentence"];
  EXPECT_THAT(sentence, HasSubstr("CT / CT, 8 cases: the mean Dice over patients of (c) APRN was higher by"));
  EXPECT_THAT(sentence, HasSubstr("Holm-adjusted p = 0.0625; 8 wins, 0 ties, 0 losses"));
  EXPECT_THAT(
      sentence,
      HasSubstr(
          "not decidable: 8 cases differ in score, which can't give less than p = 0.0625 after correction"));
  EXPECT_THAT(sentence, testing::Not(HasSubstr("significantly")));
}

// The same numbers told as Dice and as HD95 in mm: whoever is best by one is worst by the other.
TEST_F(ReportTest, ATableOfAMetricWhereLessIsBetterTurnsRankingsVerdictsAndBoldAround) {
  ReportInput input = read_runs(runs(), synthetic_tables());
  const json dice = make_report(input, shipped_numbers(), kFewResamples)["tables"][0];
  for (TableSpec& table : input.tables) table.metric = "hd95";
  for (ReportRun& run : input.runs) {
    if (!run.scores) continue;
    for (Score& score : *run.scores) {
      if (score.metric == "dice") score.metric = "hd95";
    }
  }
  const json report = make_report(input, shipped_numbers(), kFewResamples);
  const json hd95 = report["tables"][0];
  for (const char* scheme : {"mean", "median", "mean_rank"}) {
    const json up = places(dice["rankings"][0], scheme);
    const json down = places(hd95["rankings"][0], scheme);
    ASSERT_GT(up.size(), 1U);
    ASSERT_EQ(up.size(), down.size());
    EXPECT_EQ(up.front()["entry"], down.back()["entry"]) << scheme;
    EXPECT_EQ(up.back()["entry"], down.front()["entry"]) << scheme;
  }
  const auto turned = [](const std::string& verdict) {
    return verdict == "better" ? "worse" : verdict == "worse" ? "better" : verdict;
  };
  ASSERT_FALSE(dice["tests"]["results"].empty());
  for (std::size_t i = 0; i < dice["tests"]["results"].size(); ++i) {
    const json& up = dice["tests"]["results"][i];
    const json& down = hd95["tests"]["results"][i];
    EXPECT_EQ(down["verdict"], turned(up["verdict"]));
    EXPECT_EQ(down["wins"], up["losses"]);
    EXPECT_EQ(down["mean_difference"], up["mean_difference"]);
    EXPECT_THAT(down["sentence"].get<std::string>(), HasSubstr("the mean HD95 over patients of"));
  }
  for (const json& value : hd95["values"]) EXPECT_FALSE(value.contains("paper"));  // the paper's are Dice
  const std::string text = render_markdown(report);
  EXPECT_THAT(text, HasSubstr("HD95 in mm"));
  EXPECT_THAT(text, HasSubstr("bold: lowest pooled mean"));
}

}  // namespace
}  // namespace totum
