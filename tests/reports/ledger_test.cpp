#include "reports/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.h"
#include "core/json_reader.h"
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

constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;

class LedgerTest : public testing::Test {
 protected:
  void SetUp() override { write_synthetic_grid(runs(), 2); }
  fs::path runs() const { return folder_.path() / "runs"; }
  json report() const {
    return make_report(read_runs(runs(), synthetic_tables()), shipped_numbers(), {200, 1, 1});
  }
  template <class Change>
  void change_done(const std::string& run, Change change) const {
    json done = read_json_file(runs() / run / "done.json");
    change(done);
    write_file_atomically(runs() / run / "done.json", done.dump(2));
  }
  TemporaryFolder folder_;
};

json entry_with(const json& report, const std::string& id) {
  for (const json& entry : report.at("ledger").at("entries")) {
    if (entry.at("id") == id) return entry;
  }
  return nullptr;
}

// Two runs of 50 steps: one of 1.5e12 multiply-adds, one of 2.5e12.
TEST_F(LedgerTest, HoldsMeansOverTheRunsOfEachEntry) {
  change_done("single/seed-1", [](json& done) { done["ledger"]["multiply_adds"] = 2.5e12; });
  const json entry = entry_with(report(), "single");
  EXPECT_EQ(entry.at("runs"), json({"single/seed-0", "single/seed-1"}));
  EXPECT_EQ(entry.at("patches"), 100);
  EXPECT_EQ(entry.at("parameters"), 7);
  EXPECT_EQ(entry.at("iterations"), 50);
  EXPECT_DOUBLE_EQ(entry.at("multiply_adds").get<double>(), 2e12);
  EXPECT_DOUBLE_EQ(entry.at("multiply_adds_per_iteration").get<double>(), 4e10);
  EXPECT_EQ(entry.at("optimisers"), json({{"network_adam", 50}}));
  EXPECT_EQ(entry.at("options"), json::parse(R"([{"name": "aprn", "value": true, "origin": "paper"}])"));
}

// Seeds 0 and 1: 1.5 s and 2.5 s, 3 GiB and 4 GiB.
TEST_F(LedgerTest, MeasuredIsTheMeanOfTimesAndTheLargestMemory) {
  const json whole = report();
  const json measured = ledger_measured(whole, entry_with(whole, "single"));
  EXPECT_EQ(measured.at("training_s"), 2.0);
  EXPECT_EQ(measured.at("prediction_s"), 0.25);
  EXPECT_EQ(measured.at("peak_memory_bytes"), 4 * kGibibyte);
  EXPECT_TRUE(measured.at("peak_device_bytes").is_null());
}

TEST_F(LedgerTest, WhatNoRunRecordedIsAbsentAndNotZero) {
  for (const char* run : {"single/seed-0", "single/seed-1"}) {
    change_done(run, [](json& done) {
      done.erase("parameters");
      done["ledger"] = {{"options", json::array()}, {"common", json::array()}};
      done["timing"].erase("peak_memory_bytes");
    });
  }
  const json whole = report();
  const json entry = entry_with(whole, "single");
  for (const char* key : {"parameters", "iterations", "multiply_adds", "multiply_adds_per_iteration"})
    EXPECT_TRUE(entry.at(key).is_null()) << key;
  EXPECT_THAT(render_markdown(whole), HasSubstr("| Single | 2 | 100 | – | – | – | – | 2 | 0.25 | – | – |"));
  EXPECT_THAT(render_csv_ledger(whole), HasSubstr(",single,Single,single,2,100.0,,,,,,2.0,0.25,,\n"));
}

TEST_F(LedgerTest, ARunWithoutOneIsLeftOut) {
  for (const char* run : {"single/seed-0", "single/seed-1"})
    change_done(run, [](json& done) { done.erase("ledger"); });
  EXPECT_TRUE(entry_with(report(), "single").is_null());
  fs::remove_all(runs());
  write_synthetic_run(runs(), {"ablation_a", 0, 2, {}});
  change_done("ablation_a/seed-0", [](json& done) { done.erase("ledger"); });
  EXPECT_THAT(render_markdown(report()), Not(HasSubstr("## Ledger")));
}

TEST_F(LedgerTest, StandsInEveryFormat) {
  json whole = report();
  EXPECT_THAT(render_markdown(whole),
              HasSubstr("| Single | 2 | 100 | 50 | 7 | 30 | 1.5 | 2 | 0.25 | 4 | – |"));
  EXPECT_THAT(render_markdown(whole),
              HasSubstr("Every method has these besides its own: ours: schedule/epochs 2"));
  EXPECT_THAT(render_markdown(whole), HasSubstr("| Single | paper: aprn true |"));
  EXPECT_THAT(render_csv_ledger(whole), HasSubstr(",single,Single,single,2,100.0,50.0,7.0,30000000000.0,"));
  EXPECT_THAT(render_csv_hyper_parameters(whole), HasSubstr(",single,aprn,true,paper\n"));
  EXPECT_THAT(render_csv_hyper_parameters(whole), HasSubstr(",,schedule/epochs,2,ours\n"));
  whole["times"]["created_at"] = "2026-01-01T00:00:00Z";
  EXPECT_THAT(render_html(whole), HasSubstr("'Ledger'"));
}

// Times change nothing else, so that equal runs give equal ledgers.
TEST_F(LedgerTest, DependsOnNoTime) {
  const json before = report();
  change_done("single/seed-0", [](json& done) {
    done["timing"] = {{"training_s", 9.0}, {"prediction_s", 9.0}, {"peak_memory_bytes", 9}};
  });
  EXPECT_EQ(before.at("ledger"), report().at("ledger"));
  EXPECT_EQ(before.at("provenance"), report().at("provenance"));
}

}  // namespace
}  // namespace totum
