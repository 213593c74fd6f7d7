// Rows that are bounds and no rivals: marked everywhere, outside "best", rankings and tests.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "reports/render.h"
#include "reports/report.h"
#include "tests/core/temporary_folder.h"
#include "tests/reports/synthetic_runs.h"

namespace totum {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

constexpr const char* kRemark = "not of the paper: sees hidden labels; an upper bound";

// The synthetic grid and a row "bound" that is better than all others and whose runs saw hidden labels.
class BoundsTest : public testing::Test {
 protected:
  void SetUp() override {
    write_synthetic_grid(folder_.path());
    const fs::path run = write_synthetic_run(
        folder_.path(), {"bound", 0, 8, [](std::int64_t, Modality, std::int64_t) { return 0.95; }});
    change_record(run, "/traits", {{"supervision", "full"}, {"of_paper", false}, {"remark", kRemark}});
    change_record(run, "/label", "Bound");
    table_ = synthetic_tables()[0];
    table_.entries.push_back({"bound", "full_labels", "Bound", "", json::object(), std::nullopt});
  }
  json report() const {
    return make_report(read_runs(folder_.path(), {table_}), shipped_numbers(), {200, 1, 1});
  }
  TemporaryFolder folder_;
  TableSpec table_;
};

TEST_F(BoundsTest, ARowThatSawHiddenLabelsIsNeitherBestNorRankedNorTested) {
  const json made = report();
  const json& table = made["tables"][0];
  EXPECT_FALSE(table["entries"].back()["compared"].get<bool>());
  EXPECT_EQ(table["tests"]["results"].size(), 8U);
  for (const json& test : table["tests"]["results"]) EXPECT_NE(test["entry"], "bound");
  EXPECT_THAT(table["tests"]["family"].get<std::string>(), HasSubstr("without Bound: not compared"));
  for (const json& ranking : table["rankings"]) {
    for (const json& scheme : ranking["schemes"]) EXPECT_EQ(scheme["places"].size(), 3U);
  }
  EXPECT_THAT(render_markdown(made), Not(HasSubstr("**95.0")));
  EXPECT_THAT(render_markdown(made), HasSubstr("95.0 ± 0.0"));
}

TEST_F(BoundsTest, EveryFormatSaysWhatTheRowIs) {
  const json made = report();
  const json& table = made["tables"][0];
  EXPECT_THAT(made["caveats"].dump(),
              HasSubstr("Bound was trained with the labels that the training cases hide"));
  EXPECT_FALSE(table["entries"].back()["of_paper"].get<bool>());
  EXPECT_EQ(table["entries"].back()["supervision"], "full");
  for (const std::string& text : {render_markdown(made), render_text_table(table)}) {
    EXPECT_THAT(text, HasSubstr("Bound †"));
    EXPECT_THAT(text, HasSubstr(kRemark));
  }
  EXPECT_THAT(render_latex_table(made, table), HasSubstr("Bound$^\\dagger$"));
  EXPECT_THAT(render_latex_table(made, table), HasSubstr(kRemark));
  EXPECT_THAT(render_csv_values(made, table), HasSubstr(kRemark));
  EXPECT_THAT(render_csv_organs(made, table), HasSubstr(kRemark));
}

TEST_F(BoundsTest, ATableMaySayOtherwise) {
  table_.entries.back().compared = true;
  const json table = report()["tables"][0];
  EXPECT_EQ(table["tests"]["results"].size(), 12U);
  EXPECT_EQ(table["rankings"][0]["schemes"][0]["places"].size(), 4U);
  table_.entries.back().compared.reset();
  table_.entries[0].compared = false;  // nor must a row have seen hidden labels to stand apart
  EXPECT_EQ(report()["tables"][0]["tests"]["results"].size(), 4U);
}

TEST_F(BoundsTest, WhatATableSaysSurvivesWritingAndReading) {
  table_.entries.back().compared = true;
  table_.entries[0].compared = false;
  const TableSpec again = read_table_spec(JsonReader(to_json(table_), "t.json"));
  EXPECT_EQ(again.entries.back().compared, true);
  EXPECT_EQ(again.entries[0].compared, false);
  EXPECT_EQ(again.entries[1].compared, std::nullopt);
}

TEST_F(BoundsTest, TheReferenceOfTestsCantStandApart) {
  json table = to_json(table_);
  for (json& entry : table["entries"]) {
    if (entry["id"] == table["tests"]["reference"]) entry["compared"] = false;
  }
  EXPECT_THROW(read_table_spec(JsonReader(table, "t.json")), ConfigError);
}

TEST(Bounds, OfTheShippedTableStandApart) {
  int bounds = 0;
  const auto tables = shipped_tables();
  for (const TableEntry& entry : tables[0].entries) {
    if (entry.method != "full_labels" && entry.method != "atlas_only") continue;
    EXPECT_EQ(entry.compared, false) << entry.id;
    EXPECT_EQ(entry.paper_method, "") << entry.id;
    ++bounds;
  }
  EXPECT_EQ(bounds, 2);
}

}  // namespace
}  // namespace totum
