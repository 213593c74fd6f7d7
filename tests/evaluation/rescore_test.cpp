#include "evaluation/rescore.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "data/nifti.h"
#include "evaluation/scores.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

using testing::HasSubstr;

// One test case of 4 voxels: reference 1 1 2 0, prediction 1 0 2 2. By hand: Dice of organ 1 is 2*1/(2+1) =
// 2/3, of organ 2 it is 2*1/(1+2) = 2/3; organ 3 is in neither.
class RescoreTest : public testing::Test {
 protected:
  void SetUp() override {
    write_file_atomically(data() / "dataset.json", "{}");
    write("data/imagesTr/amos_0001.nii.gz", {0, 0, 0, 0});
    write("data/labelsTr/amos_0001.nii.gz", {1, 1, 2, 0});
    write("run/predictions/amos_0001.nii.gz", {1, 0, 2, 2});
    const auto split = folder_.path() / "split.csv";
    write_file_atomically(split, "case,modality,subset,task,labelled_organs\namos_0001,ct,test,ct_a,1 2 3\n");
    write_file_atomically(run() / "inputs.json", R"({"split":")" + split.string() + "\"}");
    store(2.0 / 3);
  }
  void write(const std::string& name, std::vector<std::uint8_t> voxels) const {
    Geometry geometry;
    geometry.size_xyz = {4, 1, 1};
    write_label_map(folder_.path() / name, {geometry, std::move(voxels)});
  }
  void store(double dice_of_organ_1) const {
    const Score base{"a/seed-0",      "amos_0001", Modality::ct, 1,
                     Relation::intra, "native",    "dice",       dice_of_organ_1};
    Score absent = base;
    absent.organ = 3;
    absent.value = std::nullopt;
    write_scores(run() / "scores.csv", {base, absent});
  }
  std::filesystem::path run() const { return folder_.path() / "run"; }
  std::filesystem::path data() const { return folder_.path() / "data"; }
  TemporaryFolder folder_;
};

TEST_F(RescoreTest, FindsNoDifferenceInWhatTheLabelMapsGive) {
  EXPECT_EQ(rescoring_difference(run(), data()), "");
}

TEST_F(RescoreTest, NamesTheScoreThatTheLabelMapDoesNotGive) {
  store(0.9);
  EXPECT_THAT(rescoring_difference(run(), data()),
              HasSubstr("amos_0001, organ 1, dice: 0.9 in scores.csv, 0.6666"));
}

TEST_F(RescoreTest, SeesAChangedReference) {
  write("data/labelsTr/amos_0001.nii.gz", {1, 1, 2, 3});
  EXPECT_THAT(rescoring_difference(run(), data()), HasSubstr("organ 3, dice: not scored in scores.csv"));
}

TEST_F(RescoreTest, RefusesAnotherGrid) {
  Geometry geometry;
  geometry.size_xyz = {4, 1, 1};
  geometry.affine[0][3] = 5;
  write_label_map(run() / "predictions/amos_0001.nii.gz", {geometry, {1, 0, 2, 2}});
  EXPECT_THROW(rescoring_difference(run(), data()), DataError);
}

}  // namespace
}  // namespace totum
