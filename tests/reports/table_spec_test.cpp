#include "reports/table_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/reports/synthetic_runs.h"

namespace totum {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json small_table() {
  return json::parse(R"({"name":"t","entries":[{"id":"a","method":"single"},{"id":"b","method":"single"}],
    "cells":[{"id":"x","test_modality":"ct","relation":"intra"},{"id":"y","mean_of":["x"]}],
    "tests":{"reference":"a"}})");
}

std::string message_of(const json& table) {
  try {
    read_table_spec(JsonReader(table, "t.json"));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(TableSpec, IsTheSameAfterWritingAndReading) {
  for (const TableSpec& table : shipped_tables()) {
    const json written = to_json(table);
    EXPECT_EQ(to_json(read_table_spec(JsonReader(written, "t.json"))), written);
  }
}

TEST(TableSpec, TableOneHasFourCellsAndTableTwoTheirMeans) {
  const auto tables = shipped_tables();
  EXPECT_EQ(tables[0].cells.size(), 4U);
  EXPECT_EQ(tables[1].cells[4].mean_of, (std::vector<std::string>{"ct_ct", "mr_mr"}));
  EXPECT_EQ(tables[1].cells[5].mean_of, (std::vector<std::string>{"ct_mr", "mr_ct"}));
  EXPECT_FALSE(tables[1].cells[0].shown);
}

// The paper's Table 2: which modules each ablation has.
TEST(TableSpec, TableTwoSwitchesTheModulesOfThePaper) {
  const TableSpec table = shipped_tables()[1];
  const std::vector<std::tuple<const char*, bool, bool, bool>> expected{
      {"a", false, false, false}, {"b", true, false, false}, {"c", false, true, false},
      {"d", false, false, true},  {"e", true, true, false},  {"f", false, true, true},
      {"g", true, false, true},   {"Full", true, true, true}};
  ASSERT_EQ(table.entries.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto& [name, aman, aprn, micpam] = expected[i];
    EXPECT_EQ(table.entries[i].paper_method, name);
    EXPECT_EQ(table.entries[i].options, (json{{"aman", aman}, {"aprn", aprn}, {"micpam", micpam}})) << name;
  }
  EXPECT_EQ(table.tests.reference, "full");
}

TEST(TableSpec, RefusesWhatNoTableMeans) {
  json unknown_key = small_table();
  unknown_key["entrys"] = 1;
  EXPECT_THAT(message_of(unknown_key), HasSubstr("entrys"));
  json twice = small_table();
  twice["entries"][1]["id"] = "a";
  EXPECT_THAT(message_of(twice), HasSubstr("stands twice"));
  json path = small_table();
  path["entries"][1]["id"] = "../b";
  EXPECT_THAT(message_of(path), HasSubstr("names a folder"));
  json reference = small_table();
  reference["tests"]["reference"] = "c";
  EXPECT_THAT(message_of(reference), HasSubstr("must be the id of an entry"));
  json mean = small_table();
  mean["cells"][1]["mean_of"] = {"z"};
  EXPECT_THAT(message_of(mean), HasSubstr("no earlier cell"));
  json nested = small_table();
  nested["cells"].push_back({{"id", "w"}, {"mean_of", {"y"}}});
  EXPECT_THAT(message_of(nested), HasSubstr("must be a basic cell"));
  json same_patients = small_table();
  same_patients["cells"].insert(same_patients["cells"].begin() + 1, same_patients["cells"][0]);
  same_patients["cells"][1]["id"] = "same";
  same_patients["cells"][1]["relation"] = "cross";
  same_patients["cells"][2]["mean_of"].push_back("same");
  EXPECT_THAT(message_of(same_patients), HasSubstr("which have the same patients"));
  json correction = small_table();
  correction["tests"]["correction"] = "none";
  EXPECT_THAT(message_of(correction), HasSubstr("holm"));
}

TEST(TableSpec, TakesTheMarginOfItsMetricUnlessItDeclaresOne) {
  nlohmann::json table = to_json(synthetic_tables()[0]);
  const auto margin = [&] { return read_table_spec(JsonReader(table, "t.json")).tests.equivalence_margin; };
  table["tests"]["equivalence_margin"] = 0.02;
  EXPECT_EQ(margin(), 0.02);
  table["tests"].erase("equivalence_margin");
  EXPECT_EQ(margin(), 0.01);
  table["metric"] = "hd95";
  EXPECT_EQ(margin(), 1);
  table["tests"]["equivalence_margin"] = 3.5;  // mm
  EXPECT_EQ(margin(), 3.5);
  table["metric"] = "dice";
  EXPECT_THROW(margin(), ConfigError);
}

TEST(TableSpec, DeclaresCorrectionAndGroupsByName) {
  nlohmann::json table = to_json(synthetic_tables()[0]);
  table["tests"]["correction"] = "hochberg";
  table["tests"]["post_hoc"] = "nemenyi";
  const TableSpec spec = read_table_spec(JsonReader(table, "t.json"));
  EXPECT_EQ(spec.tests.correction, "hochberg");
  EXPECT_EQ(spec.tests.post_hoc, "nemenyi");
  table["tests"]["post_hoc"] = "tukey";
  EXPECT_THROW(read_table_spec(JsonReader(table, "t.json")), ConfigError);
}

TEST(PublishedNumbers, AreFoundByTableCellAndMethod) {
  const PublishedNumbers numbers = shipped_numbers();
  const TableSpec table = shipped_tables()[0];
  const auto single = numbers.find(1, table.cells[0], "Single");
  ASSERT_TRUE(single);
  EXPECT_EQ(single->mean_percent, 78.8);  // the paper's Table 1
  EXPECT_EQ(single->sd_percent, 17.5);
  const auto illegible = numbers.find(1, table.cells[0], "VAT");
  ASSERT_TRUE(illegible);
  EXPECT_EQ(illegible->mean_percent, std::nullopt);
  EXPECT_FALSE(numbers.find(1, table.cells[0], "a"));
  EXPECT_EQ(numbers.find(2, shipped_tables()[1].cells[5], "c")->mean_percent, 68.8);
}

}  // namespace
}  // namespace totum
