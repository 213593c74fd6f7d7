// A run and a report made before rules had numbers stay readable: tests/reports/before_rules.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/files.h"
#include "core/json_reader.h"
#include "core/sha256.h"
#include "reports/html_resources.h"
#include "reports/render.h"
#include "reports/report.h"
#include "reports/rules.h"
#include "reports/verify.h"
#include "tests/core/temporary_folder.h"
#include "tests/reports/synthetic_runs.h"

namespace totum {
namespace {

using nlohmann::json;
using testing::HasSubstr;
namespace fs = std::filesystem;

class OldReportTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::copy(fs::path(TOTUM_SOURCE_DIR) / "tests/reports/before_rules", folder_.path(),
             fs::copy_options::recursive);
    std::string page = read_file(report() / "report.html");
    const std::string place = "{{PLOTLY}}";
    page.replace(page.rfind(place), place.size(), html::plotly());
    write_file_atomically(report() / "report.html", page);
  }
  fs::path runs() const { return folder_.path() / "runs"; }
  fs::path run() const { return runs() / "atlas_only/seed-0"; }
  fs::path report() const { return folder_.path() / "report"; }
  std::vector<VerifiedLink> links(const fs::path& folder) const {
    return verify_report({folder / "report.json", runs(), ""}, shipped_numbers());
  }
  static void flip_last_byte(const fs::path& path) {
    std::string bytes = read_file(path);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    write_file_atomically(path, bytes);
  }
  TemporaryFolder folder_;
};

TEST_F(OldReportTest, IsNotBrokenAndTheChangedRulesAreNamedByNumber) {
  int earlier = 0, hashes = 0;
  for (const VerifiedLink& link : links(report())) {
    EXPECT_NE(link.state, LinkState::broken) << link.name << ": " << link.detail;
    if (link.detail == "SHA-256 holds") ++hashes;
    if (link.state != LinkState::changed_rule) continue;
    ++earlier;
    EXPECT_THAT(link.detail, HasSubstr("made under the rules up to 1; changed since: 2 ("));
  }
  EXPECT_GT(earlier, 0);
  EXPECT_GT(hashes, 15);  // 10 files of the report, run.json, configuration, done.json, 6 label maps, scores
}

TEST_F(OldReportTest, OneChangedByteBreaksTheChain) {
  for (const char* name : {"predictions/amos_0010.nii.gz", "scores.csv", "run.json"}) {
    if (!fs::exists(run() / name)) continue;
    flip_last_byte(run() / name);
    EXPECT_EQ(links(report()).back().state, LinkState::broken) << name;
    flip_last_byte(run() / name);
  }
  flip_last_byte(report() / "report.md");
  EXPECT_EQ(links(report()).back().name, "report.md");
  EXPECT_EQ(links(report()).back().state, LinkState::broken);
}

TEST_F(OldReportTest, ANewReportOfTheSameRunsIsMadeAndHolds) {
  const json old = read_json_file(report() / "report.json");
  const TableSpec table =
      read_table_spec(JsonReader(old.at("tables")[0].at("declared"), "report.json", "/tables"));
  const json made = make_report(read_runs(runs(), {table}), shipped_numbers(), {200, 1, 1});
  EXPECT_EQ(made.at("rules"), current_rules());
  EXPECT_EQ(made.at("tables")[0].at("declaration").at("state"), "unknown");
  EXPECT_NEAR(made.at("tables")[0].at("values")[0].at("mean").get<double>(),
              old.at("tables")[0].at("values")[0].at("mean").get<double>(), 1e-12);
  write_report(folder_.path() / "new", made);
  for (const VerifiedLink& link : links(folder_.path() / "new")) {
    EXPECT_TRUE(link.state == LinkState::holds || link.state == LinkState::unchecked)
        << link.name << ": " << link.detail;
  }
}

}  // namespace
}  // namespace totum
