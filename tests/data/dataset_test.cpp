#include "data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/volumes.h"

namespace totum {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class DatasetTest : public testing::Test {
 protected:
  void file(const std::string& name, const std::string& text = "x") {
    write_file_atomically(folder_.path() / name, name == "dataset.json" && text == "x" ? "{}" : text);
  }
  std::string refusal() {
    try {
      open_dataset(folder_.path());
    } catch (const DataError& error) {
      EXPECT_EQ(error.exit_status(), 2);
      return error.what();
    }
    return "";
  }
  static Split split_of(const std::vector<std::string>& ids) {
    Split split{"mine.csv", "", {{"ct_a", Modality::ct, {5}}}, {}};
    for (const std::string& id : ids) split.cases.push_back({id, Subset::train, 0});
    return split;
  }
  TemporaryFolder folder_;
};

TEST_F(DatasetTest, FindsImagesAndTheirLabelsInAllParts) {
  for (const char* name :
       {"dataset.json", "imagesTr/amos_0001.nii.gz", "labelsTr/amos_0001.nii.gz", "imagesVa/amos_0002.nii.gz",
        "labelsVa/amos_0002.nii.gz", "imagesTs/amos_0003.nii.gz", "imagesTr/._amos_0001.nii.gz",
        "imagesTr/notes.txt"}) {
    file(name);
  }
  const Dataset dataset = open_dataset(folder_.path());
  ASSERT_EQ(dataset.cases.size(), 3U);
  EXPECT_EQ(dataset.cases.at("amos_0002").label, folder_.path() / "labelsVa/amos_0002.nii.gz");
  EXPECT_TRUE(dataset.cases.at("amos_0003").label.empty());
}

TEST_F(DatasetTest, RefusesAFolderThatIsAbsentEmptyOrNotAmos) {
  EXPECT_THAT(refusal(), AllOf(HasSubstr(folder_.path().string()), HasSubstr("the folder is empty"),
                               HasSubstr("imagesTr")));
  file("imagesTr/amos_0001.nii.gz");
  EXPECT_THAT(refusal(), HasSubstr("dataset.json is missing"));
  file("dataset.json");
  EXPECT_EQ(refusal(), "");
  std::filesystem::remove(folder_.path() / "imagesTr/amos_0001.nii.gz");
  EXPECT_THAT(refusal(), HasSubstr("no image"));
  EXPECT_THAT(message_of<DataError>([&] { open_dataset(folder_.path() / "absent"); }),
              HasSubstr("there is no such folder"));
}

TEST_F(DatasetTest, ACaseInTwoFoldersMustBeTheSameFile) {
  for (const char* name : {"dataset.json", "imagesTr/amos_0001.nii.gz", "labelsTr/amos_0001.nii.gz",
                           "imagesTs/amos_0001.nii.gz"}) {
    file(name);
  }
  EXPECT_EQ(open_dataset(folder_.path()).cases.at("amos_0001").label,
            folder_.path() / "labelsTr/amos_0001.nii.gz");
  file("labelsTs/amos_0001.nii.gz", "another label");
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("labelsTr/amos_0001.nii.gz and "), HasSubstr("labelsTs/amos_0001.nii.gz")));
  file("labelsTs/amos_0001.nii.gz");
  file("imagesTs/amos_0001.nii.gz", "another image");
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("imagesTr/amos_0001.nii.gz and "), HasSubstr("imagesTs/amos_0001.nii.gz")));
}

TEST_F(DatasetTest, SaysWhatLiesInPlaceOfAMissingFile) {
  for (const char* name : {"dataset.json", "imagesTr/amos_0001_0000.nii.gz", "labelsTr/amos_0001.nii.gz",
                           "imagesTr/amos_0002.nii.gz/amos_0002.nii", "labelsTr/amos_0002.nii.gz",
                           "imagesTr/amos_0003.nii.gz", "labelsTr/amos_0003_seg.nii.gz"}) {
    file(name);
  }
  std::filesystem::create_symlink("gone.nii.gz", folder_.path() / "labelsTr/amos_0004.nii.gz");
  const Dataset dataset = open_dataset(folder_.path());
  EXPECT_EQ(missing_cases(dataset, split_of({"amos_0001", "amos_0002", "amos_0003"})).size(), 3U);
  const std::string message = message_of<DataError>([&] {
    restrict_to(dataset, split_of({"amos_0001", "amos_0002", "amos_0003"}), false);
  });
  EXPECT_THAT(message, AllOf(HasSubstr("found amos_0001_0000.nii.gz in imagesTr, wanted amos_0001.nii.gz"),
                             HasSubstr("amos_0002.nii.gz is a folder, not a file"),
                             HasSubstr("found amos_0003_seg.nii.gz in labelsTr")));
  EXPECT_THAT(message_of<DataError>([&] { restrict_to(dataset, split_of({"amos_0004"}), false); }),
              HasSubstr("is a link to gone.nii.gz, which is not there"));
}

TEST_F(DatasetTest, SaysThatImagesAreNotPacked) {
  file("dataset.json");
  file("imagesTr/amos_0001.nii");
  EXPECT_THAT(refusal(), HasSubstr("imagesTr holds 1 other entry: amos_0001.nii"));
}

TEST_F(DatasetTest, RefusesLabelsThatAreNamedOtherwise) {
  file("imagesTr/amos_0001.nii.gz");
  const auto named = [&](const std::string& labels) {
    file("dataset.json", R"({"labels": )" + labels + "}");
    return refusal();
  };
  EXPECT_EQ(
      named(
          R"({"0": "background", "4": "gall bladder", "8": "arota", "9": "postcava", "15": "prostate/uterus"})"),
      "");
  EXPECT_EQ(
      named(R"({"background": 0, "Right_Kidney": 2, "kidney-left": 3, "IVC": 9, "urinary bladder": [14]})"),
      "");
  EXPECT_EQ(named(R"({"left and right kidney": [2, 3]})"), "");  // a region of nnU-Net's, no label
  // Another numbering: AMOS22 has the pancreas at 10 and the right adrenal gland at 11.
  EXPECT_THAT(named(R"({"11": "pancreas", "1": "spleen", "5": "femur"})"),
              AllOf(HasSubstr("label 11 is \"pancreas\", here 11 is right adrenal gland"),
                    HasSubstr("label 5 is \"femur\""), Not(HasSubstr("spleen\","))));
  EXPECT_THAT(named(R"({"pancreas": 11})"), HasSubstr("label 11"));
  EXPECT_THAT(named(R"({"14": "portal vein"})"), HasSubstr("here 14 is bladder"));
}

TEST_F(DatasetTest, ListsAllCasesOfTheSplitThatItLacks) {
  for (const char* name : {"dataset.json", "imagesTr/amos_0001.nii.gz", "labelsTr/amos_0001.nii.gz",
                           "imagesTr/amos_0002.nii.gz"}) {
    file(name);
  }
  const Dataset dataset = open_dataset(folder_.path());
  const Split split = split_of({"amos_0001", "amos_0002", "amos_0007"});
  EXPECT_EQ(missing_cases(dataset, split), (std::vector<std::string>{"amos_0002", "amos_0007"}));
  try {
    restrict_to(dataset, split, false);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_EQ(error.exit_status(), 2);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("mine.csv"), HasSubstr("2 of 3 cases"),
                                    HasSubstr("amos_0002, amos_0007"), HasSubstr("--allow-missing")));
  }
}

TEST_F(DatasetTest, GoesOnWithoutMissingCasesWhereAllowedAndSaysSo) {
  for (const char* name : {"dataset.json", "imagesTr/amos_0001.nii.gz", "labelsTr/amos_0001.nii.gz"})
    file(name);
  const Dataset dataset = open_dataset(folder_.path());
  testing::internal::CaptureStdout();  // spdlog's logger before main() has set one
  const Split rest = restrict_to(dataset, split_of({"amos_0001", "amos_0007"}), true);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("amos_0007"));
  ASSERT_EQ(rest.cases.size(), 1U);
  EXPECT_EQ(rest.cases[0].case_id, "amos_0001");
  EXPECT_THROW(restrict_to(dataset, split_of({"amos_0007"}), true), DataError);
}

}  // namespace
}  // namespace totum
