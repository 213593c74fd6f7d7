#include "evaluation/evaluate_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
    return evaluate_folder(folder_.path() / "labels", folder_.path() / "predictions", split_, "theirs");
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
  EXPECT_THAT(error(),
              HasSubstr("predictions/amos_0001.nii.gz: has another size, spacing, origin or direction"));
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

}  // namespace
}  // namespace totum
