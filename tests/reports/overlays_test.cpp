#include "reports/overlays.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.h"
#include "core/json_reader.h"
#include "core/sha256.h"
#include "data/nifti.h"
#include "data/prepare.h"
#include "reports/render.h"
#include "reports/report.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/volumes.h"
#include "tests/reports/json_schema.h"
#include "tests/reports/synthetic_runs.h"

namespace totum {
namespace {

using nlohmann::json;
using testing::HasSubstr;
namespace fs = std::filesystem;

json report_of(const fs::path& runs) {
  return make_report(read_runs(runs, synthetic_tables()), shipped_numbers(), {50, 1, 1});
}

// Methods that score the same everywhere but in a few cases: ablation_c is the reference of table 1, and
// ablation_a the best other one.
void write_runs_with_extremes(const fs::path& runs) {
  const auto rule = [](double usual, std::int64_t bad_case, std::int64_t bad_organ) {
    return [=](std::int64_t number, Modality modality, std::int64_t organ) -> std::optional<double> {
      if (modality == Modality::mr || number != bad_case) return usual;
      return organ == bad_organ ? 0.0 : usual - 0.2;
    };
  };
  write_synthetic_run(runs, {"ablation_c", 0, 6, rule(0.6, 3, 7)});
  write_synthetic_run(runs, {"ablation_a", 0, 6, rule(0.5, 5, 9)});
  write_synthetic_run(runs, {"single", 0, 6, rule(0.3, 0, 0)});
}

TEST(Overlays, ShowTheWorstAndTheMostDisputedCaseOfEachModality) {
  const TemporaryFolder folder;
  write_runs_with_extremes(folder.path());
  const json shown = report_of(folder.path())["overlays"];
  ASSERT_GE(shown["cases"].size(), 4U);
  const json& worst = shown["cases"][0];
  EXPECT_EQ(worst["choice"], "worst");
  EXPECT_EQ(worst["case"], "amos_0003");
  EXPECT_EQ(worst["organ"], 7);
  EXPECT_EQ(worst["reference"]["entry"], "ablation_c");
  EXPECT_EQ(worst["other"]["entry"], "ablation_a");
  EXPECT_NEAR(worst["reference"]["mean"], 12 * 0.4 / 13, 1e-12);
  EXPECT_EQ(worst["reference"]["value"], 0.0);
  const json& disputed = shown["cases"][1];
  EXPECT_EQ(disputed["choice"], "disputed");
  EXPECT_EQ(disputed["case"], "amos_0005");
  EXPECT_EQ(disputed["organ"], 9);
  EXPECT_NEAR(disputed["disagreement"], (12 * 0.3 + 0.6) / 13, 1e-12);
  EXPECT_EQ(shown["cases"][2]["modality"], "mr");
}

TEST(Overlays, OfAMetricWhereLessIsBetterShowTheLargestAsWorst) {
  const TemporaryFolder folder;
  write_runs_with_extremes(folder.path());
  ReportInput input = read_runs(folder.path(), synthetic_tables());
  for (TableSpec& table : input.tables) table.metric = "hd95";
  for (ReportRun& run : input.runs) {
    for (Score& score : *run.scores) {
      if (score.metric != "dice") continue;
      score.metric = "hd95";
      *score.value = 10 - *score.value;
    }
  }
  const json worst = make_report(input, shipped_numbers(), {50, 1, 1})["overlays"]["cases"][0];
  EXPECT_EQ(worst["case"], "amos_0003");
  EXPECT_EQ(worst["organ"], 7);
  EXPECT_EQ(worst["other"]["entry"], "ablation_a");
}

// Case 2 is worse than the worst one, but in organs that its reference lacks.
TEST(Overlays, OrgansThatTheReferenceLacksDecideNothing) {
  const TemporaryFolder folder;
  for (const char* id : {"ablation_c", "ablation_a", "single"}) {
    SyntheticRun run{id, 0, 6, [](std::int64_t number, Modality, std::int64_t organ) {
                       return std::optional(number == 2 && organ > 4 ? 0.0 : number == 3 ? 0.5 : 0.6);
                     }};
    run.is_in_reference = [](std::int64_t number, Modality, std::int64_t organ) {
      return number != 2 || organ <= 4;
    };
    write_synthetic_run(folder.path(), run);
  }
  EXPECT_EQ(report_of(folder.path())["overlays"]["cases"][0]["case"], "amos_0003");
}

TEST(Overlays, FilesOfScoresHaveNoneAndSayWhy) {
  const TemporaryFolder folder;
  write_scores(folder.path() / "scores.csv", synthetic_scores({}));
  ReportInput input;
  input.tables = {synthetic_tables()[1]};
  for (const char* id : {"ablation_a", "ablation_c"})
    input.runs.push_back(read_named_scores(id, folder.path() / "scores.csv", "scores.csv").front());
  const json shown = make_report(input, shipped_numbers(), {50, 1, 1})["overlays"];
  EXPECT_TRUE(shown["cases"].empty());
  EXPECT_THAT(shown["why"], HasSubstr("files of scores"));
}

// Runs whose CT test case amos_0001 has an image, a reference and label maps; the MR case has none of these.
class OverlayPicturesTest : public testing::Test {
 protected:
  void SetUp() override {
    write_file_atomically(data() / "dataset.json", "{}");
    write_file_atomically(split(),
                          "case,modality,subset,task,labelled_organs\namos_0001,ct,test,ct_a,1 2 3\n"
                          "amos_0002,ct,train,ct_a,1 2 3\n");
    for (const char* id : {"amos_0001", "amos_0002"}) {
      const auto [image, label] = body(upright_grid({20, 16, 12}, {2, 2, 4}), 3);
      write_image(data() / "imagesTr" / (std::string(id) + ".nii.gz"), image);
      write_label_map(data() / "labelsTr" / (std::string(id) + ".nii.gz"), label);
    }
    const auto progress = make_silent_progress();
    const PreparedDataset prepared =
        prepare_dataset(open_dataset(data()), read_split(split()), {config_, {}}, cache(), 1, *progress);
    const PreparedCase& image = prepared.at("amos_0001");
    LabelMap map{image.network(), {image.label().begin(), image.label().end()}};
    write_run("ablation_c", map);
    std::fill(map.voxels.begin(), map.voxels.end(), std::uint8_t{0});
    write_run("single", map);
  }
  void write_run(const std::string& id, const LabelMap& map) const {
    const auto rule = [](std::int64_t, Modality, std::int64_t organ) {
      return std::optional(0.01 * static_cast<double>(organ));
    };
    const fs::path run = write_synthetic_run(runs(), {id, 0, 1, rule});
    write_label_map(run / kLabelMap, map);
    change_record(run, "/config/preprocess", to_json(config_));
    write_file_atomically(run / "inputs.json", json{{"data", data().string()},
                                                    {"cache", cache().string()},
                                                    {"split", split().string()},
                                                    {"allow_missing", false}}
                                                   .dump());
    json done = read_json_file(run / "done.json");
    done["files"][kLabelMap] = sha256_of_file(run / kLabelMap);
    write_file_atomically(run / "done.json", done.dump());
  }
  json drawn() const {
    json report = report_of(runs());
    add_overlay_pictures(report, runs());
    return report;
  }
  fs::path runs() const { return folder_.path() / "runs"; }
  fs::path data() const { return folder_.path() / "data"; }
  fs::path cache() const { return folder_.path() / "cache"; }
  fs::path split() const { return folder_.path() / "mine.csv"; }
  static constexpr const char* kLabelMap = "predictions_network/amos_0001.nii.gz";
  PreprocessConfig config_;
  TemporaryFolder folder_;
};

TEST_F(OverlayPicturesTest, AreDrawnFromLabelMapsAndTheCachedImage) {
  const json report = drawn();
  const json& shown = report["overlays"]["cases"][0];
  ASSERT_FALSE(shown.contains("why")) << shown["why"];
  ASSERT_EQ(shown["planes"].size(), 3U);
  EXPECT_EQ(shown["planes"][0]["layers"].size(), 4U);
  EXPECT_FALSE(report["overlays"].contains("why"));
  // The first method is the reference itself, the other found nothing.
  const json& layers = shown["planes"][0]["layers"];
  EXPECT_EQ(layers[0]["png"], layers[1]["png"]);
  EXPECT_NE(layers[0]["png"], layers[2]["png"]);
  EXPECT_TRUE(layers[2]["marks"].empty());
}

TEST_F(OverlayPicturesTest, ACaseThatIsNotThereSaysSoAndTheOthersStand) {
  const json report = drawn();
  const json& missing = report["overlays"]["cases"][1];
  EXPECT_EQ(missing["case"], "amos_0507");
  EXPECT_FALSE(missing.contains("planes"));
  EXPECT_THAT(missing["why"], HasSubstr("amos_0507 is no case of split mine.csv"));
}

TEST_F(OverlayPicturesTest, AnotherLabelMapThanTheRunsIsNotShown) {
  fs::copy_file(runs() / "single/seed-0" / kLabelMap, runs() / "ablation_c/seed-0" / kLabelMap,
                fs::copy_options::overwrite_existing);
  EXPECT_THAT(drawn()["overlays"]["cases"][0]["why"], HasSubstr("is not the label map that the run wrote"));
}

TEST_F(OverlayPicturesTest, AnEmptiedCacheIsAReasonAndNotAnError) {
  fs::remove_all(cache() / "cases");
  EXPECT_THAT(
      drawn()["overlays"]["cases"][0]["why"],
      HasSubstr("no preprocessed image of amos_0001 as it is now; make it again with `totum prepare"));
}

TEST_F(OverlayPicturesTest, FitTheSchemaAndLeaveWhatIsRecomputedAlone) {
  const json report = drawn();
  EXPECT_EQ(without_pictures(report["overlays"]), without_pictures(report_of(runs())["overlays"]));
  write_report(folder_.path() / "report", report);
  const json schema = read_json_file(fs::path(TOTUM_SOURCE_DIR) / "docs/report-schema.json");
  EXPECT_THAT(schema_faults(read_json_file(folder_.path() / "report/report.json"), schema),
              testing::IsEmpty());
}

}  // namespace
}  // namespace totum
