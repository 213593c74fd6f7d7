#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/files.h"
#include "core/json_reader.h"
#include "reports/render.h"
#include "reports/report.h"
#include "tests/core/temporary_folder.h"
#include "tests/reports/json_schema.h"
#include "tests/reports/synthetic_runs.h"

namespace totum {
namespace {

using nlohmann::json;
using testing::HasSubstr;
namespace fs = std::filesystem;

const fs::path kSchema = fs::path(TOTUM_SOURCE_DIR) / "docs/report-schema.json";

// Reports of every kind: one seed, three seeds, holes, scores of other programs, a single patient.
class SchemaTest : public testing::Test {
 protected:
  fs::path written(const std::string& name, const ReportInput& input) const {
    write_report(folder_.path() / name, make_report(input, shipped_numbers(), {200, 1, 1}));
    return folder_.path() / name / "report.json";
  }
  fs::path of_runs(std::int64_t seeds) const {
    const fs::path runs = folder_.path() / std::to_string(seeds);
    write_synthetic_grid(runs, seeds);
    return written("runs" + std::to_string(seeds), read_runs(runs, synthetic_tables()));
  }
  fs::path with_holes() const {
    const fs::path runs = folder_.path() / "holes";
    write_synthetic_grid(runs);
    fs::remove(runs / "single/seed-0/done.json");
    fs::remove_all(runs / "ablation_a");
    return written("holes-report", read_runs(runs, synthetic_tables()));
  }
  fs::path of_scores() const {
    const fs::path file = folder_.path() / "single.csv";
    write_scores(file, synthetic_scores({}));
    ReportInput input;
    input.tables = {synthetic_tables()[1]};
    for (const char* id : {"ablation_a", "ablation_c"})
      input.runs.push_back(read_named_scores(id, file, "single.csv").front());
    return written("scores", input);
  }
  fs::path of_one_patient() const {
    const fs::path runs = folder_.path() / "one";
    for (const char* id : {"single", "ablation_a", "ablation_c"}) write_synthetic_run(runs, {id, 0, 1, {}});
    return written("one-report", read_runs(runs, synthetic_tables()));
  }
  // The scores as HD95 in mm, some hundred times larger.
  fs::path of_distances() const {
    const fs::path runs = folder_.path() / "distances";
    write_synthetic_grid(runs);
    ReportInput input = read_runs(runs, synthetic_tables());
    for (TableSpec& table : input.tables) {
      table.metric = "hd95";
      table.tests.equivalence_margin = 2;
    }
    for (ReportRun& run : input.runs) {
      for (Score& score : *run.scores) {
        if (score.metric != "dice") continue;
        score.metric = "hd95";
        *score.value *= 300;
      }
    }
    return written("distances-report", input);
  }
  std::vector<fs::path> all() const {
    return {of_distances(), of_runs(1), of_runs(3), with_holes(), of_scores(), of_one_patient()};
  }
  TemporaryFolder folder_;
};

TEST_F(SchemaTest, EveryReportIsValid) {
  const json schema = read_json_file(kSchema);
  for (const fs::path& path : all()) {
    EXPECT_THAT(schema_faults(read_json_file(path), schema), testing::IsEmpty()) << path;
  }
}

TEST_F(SchemaTest, FaultsAreFound) {
  const json schema = read_json_file(kSchema);
  const json good = read_json_file(of_runs(1));
  const auto faults_after = [&](const std::string& pointer, const json& value) {
    json bad = good;
    bad[json::json_pointer(pointer)] = value;
    return json(schema_faults(bad, schema)).dump();
  };
  EXPECT_THAT(faults_after("/unknown", 1), HasSubstr("unknown key"));
  EXPECT_THAT(faults_after("/format", 2), HasSubstr("/format"));
  EXPECT_THAT(faults_after("/tables/0/values/0/mean", 58.3), HasSubstr("/tables/0/values/0/mean"));
  EXPECT_THAT(faults_after("/tables/0/tests/equivalence_margin", 2),
              HasSubstr("/tables/0/tests/equivalence_margin"));
  EXPECT_THAT(faults_after("/tables/0/rankings/0/schemes/0/places/0/rank", 0), HasSubstr("/places/0/rank"));
  EXPECT_THAT(faults_after("/tables/0/rankings/0/pairs/0/order_wrong", 1.5), HasSubstr("alternatives"));
  EXPECT_THAT(faults_after("/tables/0/rankings/0/why", "none"), HasSubstr("alternatives"));
  EXPECT_THAT(faults_after("/tables/0/values/0/why", "none"), HasSubstr("alternatives"));
  EXPECT_THAT(faults_after("/tables/0/tests/results/0/verdict", "won"), HasSubstr("none of"));
  EXPECT_THAT(faults_after("/provenance/runs/0/scores_sha256", "xyz"), HasSubstr("pattern"));
}

TEST_F(SchemaTest, AnIndependentValidatorAgrees) {
  if (std::system("python3 -c 'import jsonschema' >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "python3 with jsonschema is not installed (Debian: python3-jsonschema)";
  }
  write_file_atomically(folder_.path() / "validate.py",
                        "import json, sys, jsonschema\n"
                        "schema = json.load(open(sys.argv[1]))\n"
                        "check = getattr(jsonschema, 'Draft202012Validator')\n"
                        "check.check_schema(schema)\n"
                        "for path in sys.argv[2:]: check(schema).validate(json.load(open(path)))\n");
  std::string command = "python3 " + (folder_.path() / "validate.py").string() + " " + kSchema.string();
  for (const fs::path& path : all()) command += " " + path.string();
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace totum
