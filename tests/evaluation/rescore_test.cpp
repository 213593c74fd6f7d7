#include "evaluation/rescore.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.h"
#include "data/nifti.h"
#include "data/prepare.h"
#include "evaluation/scores.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

using testing::HasSubstr;

// One test case of 4 voxels in a row, 1 mm apart: image 0 0 100 100, reference 1 1 2 0. Without a margin the
// torso is the bright half, so the network grid is voxels 2 and 3 with the reference 2 0.
//   native prediction 1 0 2 2: Dice of organ 1 is 2*1/(2+1) = 2/3, of organ 2 it is 2*1/(1+2) = 2/3;
//   network prediction 2 2: Dice of organ 2 is 2*1/(1+2) = 2/3, organ 1 is in neither map.
class RescoreTest : public testing::Test {
 protected:
  void SetUp() override {
    write_file_atomically(data() / "dataset.json", "{}");
    write("data/imagesTr/amos_0001.nii.gz", {0, 0, 100, 100});
    write("data/labelsTr/amos_0001.nii.gz", {1, 1, 2, 0});
    write("run/predictions/amos_0001.nii.gz", {1, 0, 2, 2});
    write("run/predictions_network/amos_0001.nii.gz", {2, 2}, 2);
    write_split("amos_0001,ct,test,ct_a,1 2 3\n");
    write_json(run() / "inputs.json", {{"split", split().string()}});
    write_json(run() / "run.json",
               {{"config",
                 {{"preprocess", {{"spacing_mm", {1, 1, 1}}, {"torso_margin_voxels", 0}}},
                  {"evaluation", {{"grids", {"network", "native"}}, {"metrics", {"dice"}}}}}}});
    store(rows());
  }
  static void write_json(const std::filesystem::path& path, const nlohmann::json& json) {
    write_file_atomically(path, json.dump());
  }
  void write_split(const std::string& cases) const {
    write_file_atomically(split(), "case,modality,subset,task,labelled_organs\n" + cases);
  }
  void write(const std::string& name, std::vector<std::uint8_t> voxels, double first_voxel_mm = 0) const {
    Geometry geometry;
    geometry.size_xyz = {static_cast<std::int64_t>(voxels.size()), 1, 1};
    geometry.affine[0][3] = first_voxel_mm;
    write_label_map(folder_.path() / name, {geometry, std::move(voxels)});
  }
  // scores.csv as it should be; without training cases no organ is labelled in training data, so all are
  // cross.
  static std::vector<Score> rows() {
    std::vector<Score> scores;
    for (const std::string grid : {"network", "native"}) {
      for (std::int64_t organ = 1; organ <= kOrgans; ++organ) {
        Score score{"a/seed-0", "amos_0001", Modality::ct, organ, Relation::cross, grid, "dice"};
        if (organ == 2 || (organ == 1 && grid == "native")) score.value = 2.0 / 3;
        score.in_reference = score.value.has_value();
        scores.push_back(score);
      }
    }
    return scores;
  }
  void store(const std::vector<Score>& scores) const { write_scores(run() / "scores.csv", scores); }
  Rescoring rescored(const std::string& grid) const { return Rescorer(data()).rescore(run(), grid); }
  std::filesystem::path run() const { return folder_.path() / "run"; }
  std::filesystem::path data() const { return folder_.path() / "data"; }
  std::filesystem::path split() const { return folder_.path() / "split.csv"; }
  TemporaryFolder folder_;
};

TEST_F(RescoreTest, FindsNoDifferenceInWhatTheLabelMapsGive) {
  for (const std::string grid : {"network", "native"}) {
    const Rescoring result = rescored(grid);
    EXPECT_EQ(result.difference, "") << grid;
    EXPECT_EQ(result.cases, 1);
    EXPECT_EQ(result.values, kOrgans);
  }
}

TEST_F(RescoreTest, NamesTheScoreThatTheLabelMapDoesNotGive) {
  for (const std::string grid : {"network", "native"}) {
    auto scores = rows();
    for (Score& score : scores) {
      if (score.organ == 2 && score.grid == grid) score.value = 0.9;
    }
    store(scores);
    EXPECT_THAT(rescored(grid).difference, HasSubstr("amos_0001, organ 2, dice: 0.9 in scores.csv, 0.6666"));
  }
}

TEST_F(RescoreTest, SeesAChangedReference) {
  write("data/labelsTr/amos_0001.nii.gz", {1, 1, 2, 3});
  EXPECT_THAT(rescored("native").difference, HasSubstr("organ 3, dice: not scored in scores.csv"));
  EXPECT_THAT(rescored("network").difference, HasSubstr("organ 3, dice: not scored in scores.csv"));
}

TEST_F(RescoreTest, NamesARowThatIsMissingAndOneTooMany) {
  auto scores = rows();
  scores.erase(scores.begin());
  store(scores);
  EXPECT_THAT(rescored("network").difference,
              HasSubstr("amos_0001, organ 1, dice: has no row in scores.csv"));
  scores = rows();
  scores.push_back(scores.back());
  scores.back().metric = "dice_published";
  store(scores);
  EXPECT_THAT(rescored("native").difference,
              HasSubstr("organ 13, dice_published: stands in scores.csv, but not"));
}

TEST_F(RescoreTest, SeesAChangedRelationAndAChangedMarkOfTheReference) {
  auto scores = rows();
  scores.back().in_reference = true;
  store(scores);
  EXPECT_THAT(rescored("native").difference, HasSubstr("organ 13, dice: modality, relation or in_reference"));
  scores = rows();
  for (Score& score : scores) {
    if (score.organ == 13) score.relation = Relation::intra;
  }
  store(scores);
  EXPECT_THAT(rescored("native").difference, HasSubstr("organ 13, dice: modality, relation or in_reference"));
}

TEST_F(RescoreTest, ADatasetWithoutTheCaseIsADifference) {
  std::filesystem::rename(data() / "imagesTr/amos_0001.nii.gz", data() / "imagesTr/amos_0002.nii.gz");
  std::filesystem::rename(data() / "labelsTr/amos_0001.nii.gz", data() / "labelsTr/amos_0002.nii.gz");
  EXPECT_THAT(rescored("native").difference, HasSubstr("amos_0001: "));
  EXPECT_EQ(rescored("native").cases, 0);
  // Also for a run that may lack cases: it has scores of this one. Without its scores nothing is left to
  // compare.
  write_json(run() / "inputs.json", {{"split", split().string()}, {"allow_missing", true}});
  EXPECT_THAT(rescored("native").difference, HasSubstr("amos_0001: "));
  store({});
  EXPECT_THAT(rescored("native").difference, HasSubstr("no test case of the split"));
}

TEST_F(RescoreTest, ACaseThatTheRunWentWithoutIsNoDifference) {
  write_split("amos_0001,ct,test,ct_a,1 2 3\namos_0009,ct,test,ct_a,1 2 3\n");
  EXPECT_THAT(rescored("native").difference, HasSubstr("amos_0009: "));
  write_json(run() / "inputs.json", {{"split", split().string()}, {"allow_missing", true}});
  EXPECT_EQ(rescored("native").difference, "");
}

TEST_F(RescoreTest, NamesAMissingLabelMap) {
  std::filesystem::remove(run() / "predictions_network/amos_0001.nii.gz");
  EXPECT_THAT(rescored("network").difference, HasSubstr("the label map is missing"));
}

TEST_F(RescoreTest, NamesALabelMapOnAnotherGrid) {
  write("run/predictions/amos_0001.nii.gz", {1, 0, 2, 2}, 5);
  write("run/predictions_network/amos_0001.nii.gz", {2, 2}, 1);
  EXPECT_THAT(rescored("native").difference,
              HasSubstr("has another spacing, origin or direction than its reference"));
  EXPECT_THAT(rescored("network").difference,
              HasSubstr("has another spacing, origin or direction than its reference"));
}

TEST_F(RescoreTest, HashesTheDatasetAsPreparingItDoes) {
  PreparationConfig config;
  config.preprocess.spacing_mm = {1, 1, 1};
  config.preprocess.torso_margin_voxels = 0;
  write("data/imagesTr/amos_0002.nii.gz", {0, 100, 100, 100});
  write("data/labelsTr/amos_0002.nii.gz", {0, 1, 2, 0});
  write_split("amos_0001,ct,test,ct_a,1 2 3\namos_0002,ct,train,ct_a,1 2 3\n");
  const auto progress = make_silent_progress();
  const auto prepared = prepare_dataset(open_dataset(data()), read_split(split()), config,
                                        folder_.path() / "cache", 1, *progress);
  Rescorer rescorer(data());
  EXPECT_EQ(rescorer.check_data(run()).sha256, prepared.data_sha256);
  write("data/labelsTr/amos_0001.nii.gz", {1, 1, 2, 3});
  EXPECT_NE(Rescorer(data()).check_data(run()).sha256, prepared.data_sha256);
}

TEST_F(RescoreTest, NamesTheCasesThatTheHashLacks) {
  write_split("amos_0001,ct,test,ct_a,1 2 3\namos_0009,ct,train,ct_a,1 2 3\n");
  EXPECT_EQ(Rescorer(data()).check_data(run()).missing, std::vector<std::string>{"amos_0009"});
}

}  // namespace
}  // namespace totum
