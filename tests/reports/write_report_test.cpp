#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"
#include "core/files.h"
#include "core/json_reader.h"
#include "core/random.h"
#include "reports/render.h"
#include "reports/report.h"
#include "reports/verify.h"
#include "tests/core/temporary_folder.h"
#include "tests/reports/synthetic_runs.h"

namespace totum {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

class WriteReportTest : public testing::Test {
 protected:
  void SetUp() override {
    write_synthetic_grid(runs());
    report_ = make_report(read_runs(runs(), synthetic_tables()), shipped_numbers(), {200, 1, 1});
  }
  fs::path runs() const { return folder_.path() / "runs"; }
  fs::path out() const { return folder_.path() / "report"; }
  bool holds() const {
    const auto links = verify_report({out() / "report.json", runs(), ""}, shipped_numbers());
    return links.back().state != LinkState::broken;
  }
  TemporaryFolder folder_;
  json report_;
};

TEST_F(WriteReportTest, WritesEveryFileAndNoOther) {
  write_report(out(), report_);
  std::set<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(out())) {
    if (entry.is_regular_file()) found.insert(entry.path().lexically_relative(out()).string());
  }
  std::set<std::string> expected{"report.html", "report.json",       "report.md",
                                 "report.tex",  "tables/ledger.csv", "tables/hyper_parameters.csv"};
  for (const char* table : {"table1", "table2"}) {
    for (const char* ending : {".tex", ".csv", "_tests.csv", "_rankings.csv", "_organs.csv"})
      expected.insert(std::string("tables/") + table + ending);
  }
  for (const auto& [name, bytes] : render_figures(report_)) expected.insert(name);
  EXPECT_TRUE(expected.contains("figures/table1_patients_ct_ct.pdf"));
  EXPECT_EQ(found, expected);
  EXPECT_TRUE(holds());
}

TEST_F(WriteReportTest, LeavesOtherFilesAloneAndRemovesThoseOfAnEarlierReport) {
  write_report(out(), report_);
  write_file_atomically(out() / "notes.txt", "mine");
  json smaller = report_;
  smaller["tables"].erase(1);
  write_report(out(), smaller);
  EXPECT_TRUE(fs::exists(out() / "notes.txt"));
  EXPECT_TRUE(fs::exists(out() / "tables/table1.csv"));
  EXPECT_FALSE(fs::exists(out() / "tables/table2.csv"));
  EXPECT_TRUE(fs::exists(out() / "figures/table1_patients_ct_ct.svg"));
  EXPECT_FALSE(fs::exists(out() / "figures/table2_patients_ct_ct.svg"));
}

TEST_F(WriteReportTest, AFolderThatCantBeWrittenLeavesNothing) {
  write_file_atomically(out(), "a file, no folder");
  EXPECT_THROW(write_report(out(), report_), RunError);
  EXPECT_EQ(read_file(out()), "a file, no folder");
}

// The writer is killed at random moments: the old or the new report stands whole, or verify names the file
// that does not belong, and writing again mends it.
TEST_F(WriteReportTest, SurvivesKillAtAnyMoment) {
  write_report(out(), report_);
  json other = report_;
  other["title"] = "another report";
  const auto seed = static_cast<std::uint64_t>(std::time(nullptr));
  RandomStream random(seed, "kill");
  for (int round = 0; round < 20; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int i = 0;; ++i) write_report(out(), i % 2 == 0 ? other : report_);
    }
    ::usleep(static_cast<useconds_t>(random.below(60000)));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const json stored = read_json_file(out() / "report.json");  // never half-written
    ASSERT_TRUE(stored["title"] == "another report" || stored["title"] == "totum report") << "seed " << seed;
    if (!holds()) {
      write_report(out(), report_);
      EXPECT_TRUE(holds()) << "seed " << seed;
    }
  }
  write_report(out(), report_);
  for (const auto& entry : fs::directory_iterator(out())) {
    EXPECT_FALSE(entry.path().filename().string().starts_with('.')) << entry.path();
  }
}

}  // namespace
}  // namespace totum
