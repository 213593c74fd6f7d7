#include "reports/declaration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/report.h"
#include "tests/reports/synthetic_runs.h"

namespace totum {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// Three runs of one table, two with scores: what run.json of each says stands in `declared`.
ReportInput runs_declaring(const TableSpec& table, const std::vector<json>& declared) {
  ReportInput input{{table}, {}, false, {}};
  for (std::size_t seed = 0; seed < declared.size(); ++seed) {
    ReportRun run;
    run.id = table.entries[0].id;
    run.seed = static_cast<std::int64_t>(seed);
    run.record = json::object();
    if (!declared[seed].is_null()) run.record["declared"] = declared[seed];
    run.scores.emplace();
    input.runs.push_back(std::move(run));
  }
  return input;
}

json under(const TableSpec& table) {
  return json::array({{{"table", table.name}, {"sha256", declaration_sha256(table)}}});
}

TEST(Declaration, SaysWhetherItStoodBeforeTheScores) {
  const TableSpec table = synthetic_tables()[0];
  const json before = table_declaration(table, runs_declaring(table, {under(table), under(table)}));
  EXPECT_EQ(before["state"], "before");
  EXPECT_EQ(before["sentence"], "declared before there were scores");
  const json after =
      table_declaration(table, runs_declaring(table, {under(table), json::array(), json::array()}));
  EXPECT_EQ(after["state"], "after");
  EXPECT_EQ(after["sentence"], "declared after 2 of 3 runs");
}

TEST(Declaration, NamesTheOneThatStoodBefore) {
  const TableSpec first = synthetic_tables()[0];
  TableSpec changed = first;
  changed.tests.equivalence_margin = 0.05;
  const json found = table_declaration(changed, runs_declaring(first, {under(first)}));
  EXPECT_EQ(found["others"], json::array({declaration_sha256(first)}));
  EXPECT_THAT(found["sentence"].get<std::string>(), HasSubstr("declared after 1 of 1 runs; differs"));
}

TEST(Declaration, OfOldRunsIsUnknownAndOfScoresFromElsewhereIsNone) {
  const TableSpec table = synthetic_tables()[0];
  EXPECT_EQ(table_declaration(table, runs_declaring(table, {nullptr}))["state"], "unknown");
  EXPECT_THAT(table_declaration(table, {{table}, {}, false, {}})["sentence"].get<std::string>(),
              HasSubstr("no declaration"));
}

TEST(Declaration, WhatIsTestedCountsAndWordsDoNot) {
  const TableSpec table = synthetic_tables()[0];
  TableSpec other = table;
  other.title = "another title";
  other.entries.pop_back();
  EXPECT_EQ(declaration_sha256(other), declaration_sha256(table));
  other.tests.alpha = 0.01;
  EXPECT_NE(declaration_sha256(other), declaration_sha256(table));
}

}  // namespace
}  // namespace totum
