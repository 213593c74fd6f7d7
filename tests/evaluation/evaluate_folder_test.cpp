#include "evaluation/evaluate_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "data/nifti.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

using testing::HasSubstr;

class EvaluateFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    write("labels/amos_0001.nii.gz", {1, 1, 6, 0});
    write("predictions/amos_0001.nii.gz", {1, 0, 6, 0});
  }
  void write(const std::string& name, std::vector<std::uint8_t> voxels, double spacing_mm = 1) const {
    Geometry geometry;
    geometry.size_xyz = {static_cast<std::int64_t>(voxels.size()), 1, 1};
    geometry.affine[0][0] = spacing_mm;
    write_label_map(folder_.path() / name, {geometry, std::move(voxels)});
  }
  FolderScores evaluate() const {
    return evaluate_folder(folder_.path() / "labels", folder_.path() / "predictions", split_, options_);
  }
  std::string error() const {
    try {
      evaluate();
    } catch (const DataError& e) {
      return e.what();
    }
    return "";
  }
  TemporaryFolder folder_;
  FolderOptions options_ = [] {
    FolderOptions options;
    options.run = "theirs";
    options.metrics = {"dice", "dice_published"};
    return options;
  }();
  Split split_ = read_split(TOTUM_SOURCE_DIR "/data_splits/amos22.csv");
};

TEST_F(EvaluateFolderTest, ScoresEveryCaseWithModalityAndRelation) {
  write("labels/amos_0510.nii.gz", {1, 1, 0, 0});
  write("predictions/amos_0510.nii.gz", {1, 1, 0, 0});
  const FolderScores result = evaluate();
  EXPECT_EQ(result.cases, 2);
  ASSERT_EQ(result.scores.size(), 2U * 26U);
  EXPECT_EQ(result.scores[0].run, "theirs");
  EXPECT_EQ(result.scores[0].grid, "native");
  EXPECT_DOUBLE_EQ(*result.scores[0].value, 2.0 / 3);
  EXPECT_EQ(result.scores[0].relation, Relation::cross);  // the spleen is labelled in MR only
  EXPECT_EQ(result.scores[26].case_id, "amos_0510");
  EXPECT_EQ(result.scores[26].modality, Modality::mr);
  EXPECT_EQ(result.scores[26].relation, Relation::intra);
  EXPECT_EQ(result.scores[26].value, 1.0);
}

TEST_F(EvaluateFolderTest, ListsReferencesWithoutPredictionAndPredictionsWithoutReference) {
  write("labels/amos_0002.nii.gz", {1});
  write("predictions/amos_0003.nii.gz", {1});
  const FolderScores result = evaluate();
  EXPECT_EQ(result.cases, 1);
  EXPECT_EQ(result.missing, (std::vector<std::string>{"amos_0002"}));
  EXPECT_EQ(result.without_reference, (std::vector<std::string>{"amos_0003"}));
}

TEST_F(EvaluateFolderTest, RefusesAnotherGridAndNamesEveryCase) {
  write("predictions/amos_0001.nii.gz", {1, 0, 6, 0}, 1.5);
  write("labels/amos_0002.nii.gz", {1, 1});
  write("predictions/amos_0002.nii.gz", {1, 1, 1});
  EXPECT_THAT(error(), HasSubstr("2 case(s) can't be scored"));
  EXPECT_THAT(error(), HasSubstr("predictions/amos_0001.nii.gz: has another spacing, origin or direction"));
  EXPECT_THAT(error(), HasSubstr("predictions/amos_0002.nii.gz: has another size"));
}

TEST_F(EvaluateFolderTest, RefusesUnknownLabelsAndUnknownModalities) {
  write("predictions/amos_0001.nii.gz", {1, 200, 6, 0});
  write("labels/patient_7.nii.gz", {1});
  write("predictions/patient_7.nii.gz", {1});
  EXPECT_THAT(error(), HasSubstr("200"));
  EXPECT_THAT(error(), HasSubstr("case patient_7: its modality is unknown"));
}

TEST_F(EvaluateFolderTest, RefusesAFileCutInHalf) {
  const auto path = folder_.path() / "predictions/amos_0001.nii.gz";
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_THAT(error(), HasSubstr("predictions/amos_0001.nii.gz"));
}

TEST_F(EvaluateFolderTest, RefusesEmptyAndMissingFolders) {
  std::filesystem::remove(folder_.path() / "predictions/amos_0001.nii.gz");
  EXPECT_THAT(error(), HasSubstr("holds no label map"));
  std::filesystem::remove(folder_.path() / "predictions");
  EXPECT_THAT(error(), HasSubstr("there is no such folder"));
}

TEST_F(EvaluateFolderTest, ReadsAnotherProgramsLabelsThroughAMap) {
  Geometry geometry;
  geometry.size_xyz = {4, 1, 1};
  write_image(folder_.path() / "predictions/amos_0001.nii.gz", {geometry, {52, 0, 104, 7}});
  write_file_atomically(folder_.path() / "map.json", R"({"52": 1, "104": "liver", "7": 0})");
  options_.label_ids = read_label_ids(folder_.path() / "map.json");
  const FolderScores result = evaluate();
  EXPECT_DOUBLE_EQ(*result.scores[0].value, 2.0 / 3);
  EXPECT_EQ(result.scores[10].value, 1.0);  // the liver
  options_.label_ids.erase(7);
  EXPECT_THAT(error(), HasSubstr("holds labels that the label map doesn't name: 7"));
}

TEST_F(EvaluateFolderTest, ReadsReferencesThroughAMapOfTheirOwn) {
  write("labels/amos_0001.nii.gz", {11, 11, 0, 0});  // BTCV's pancreas
  write("predictions/amos_0001.nii.gz", {10, 10, 0, 0});
  options_.metrics = {"dice"};
  EXPECT_EQ(evaluate().scores[9].value, 0.0);
  write_file_atomically(folder_.path() / "map.json", R"({"11": "pancreas"})");
  options_.reference_ids = read_label_ids(folder_.path() / "map.json");
  const FolderScores result = evaluate();
  EXPECT_EQ(result.scores[9].value, 1.0);
  EXPECT_FALSE(result.scores[10].value);  // no right adrenal gland in either
}

TEST_F(EvaluateFolderTest, RefusesNamesThatDisagreeWithTheNumbers) {
  const std::string btcv = R"({"labels": {"pancreas": 11, "spleen": 1}})";
  write_file_atomically(folder_.path() / "dataset.json", btcv);  // beside the references' folder
  EXPECT_THAT(error(),
              testing::AllOf(HasSubstr("label 11 is \"pancreas\""), HasSubstr("--reference-label-map")));
  options_.reference_ids = {{1, 1}, {6, 6}, {11, 11}};
  EXPECT_THAT(error(), HasSubstr("but the label map makes it right adrenal gland"));
  options_.reference_ids = {{1, 1}, {6, 6}, {11, 10}};
  EXPECT_EQ(error(), "");
  write_file_atomically(folder_.path() / "predictions/dataset.json", btcv);
  EXPECT_THAT(error(), testing::AllOf(HasSubstr("predictions/dataset.json"), HasSubstr(" --label-map")));
}

TEST_F(EvaluateFolderTest, SaysWhatWasFoundInsteadOfAPrediction) {
  write("labels/amos_0002.nii.gz", {1});
  write("predictions/amos_0002_seg.nii.gz", {1});
  EXPECT_EQ(evaluate().found_instead.at("amos_0002"), "found amos_0002_seg.nii.gz, wanted amos_0002.nii.gz");
  std::filesystem::create_directories(folder_.path() / "predictions/amos_0002.nii.gz");
  EXPECT_THAT(error(), HasSubstr("amos_0002.nii.gz is a folder, not a file"));
}

TEST_F(EvaluateFolderTest, RefusesLabelMapsThatSayNothing) {
  const auto path = folder_.path() / "map.json";
  for (const char* text : {"[]", "{}", R"({"spleen": 1})", R"({"1": 14})", R"({"1": "splen"})", R"({"0": 3})",
                           R"({"1": 1.5})", R"({"1": 2, "01": 3})"}) {
    write_file_atomically(path, text);
    EXPECT_THROW(read_label_ids(path), ConfigError) << text;
  }
}

TEST_F(EvaluateFolderTest, CountsOrgansThatNoCaseHasAndScoresUnderEveryPolicy) {
  const FolderScores result = evaluate();
  EXPECT_EQ(result.absent_organs.size(), 11U);  // all but 1 and 6
  EXPECT_EQ(result.conventions.cells.size(), 2 * all_empty_policies().size());
  options_.policy = EmptyPolicy::metrics_reloaded;
  EXPECT_EQ(evaluate().scores[2].value, 1.0);  // organ 2 is in neither map
}

TEST_F(EvaluateFolderTest, RefusesVoxelsThatAreNotANumber) {
  Geometry geometry;
  geometry.size_xyz = {4, 1, 1};
  write_image(folder_.path() / "predictions/amos_0001.nii.gz", {geometry, {1, 0, std::nanf(""), 0}});
  EXPECT_NE(error(), "");
}

}  // namespace
}  // namespace totum
