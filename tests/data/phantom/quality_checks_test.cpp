#include "data/phantom/quality_checks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>

#include "core/error.h"
#include "data/dataset.h"
#include "data/nifti.h"
#include "data/phantom/phantom.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

namespace fs = std::filesystem;

void write(const PhantomConfig& config, const fs::path& out) {
  const auto progress = make_silent_progress();
  write_phantom_dataset(config, out, *progress);
}

std::vector<std::string> missed(const std::vector<QualityCheck>& checks) {
  std::vector<std::string> names;
  for (const QualityCheck& check : checks) {
    if (!check.passed) names.push_back(check.name);
  }
  return names;
}

bool misses(const std::vector<QualityCheck>& checks, const std::string& part) {
  const auto names = missed(checks);
  return std::any_of(names.begin(), names.end(),
                     [&](const auto& name) { return name.find(part) != std::string::npos; });
}

// The setting that the limits were found with: 30 CT and 18 MR at 56 x 56 x 32, seed 7.
TEST(QualityChecks, AllHoldOnThePrototypesSetting) {
  const TemporaryFolder folder;
  const Split official = read_split(phantom_config("full").split);
  std::ofstream csv(folder.path() / "prototype.csv");
  csv << "case,modality,subset,task,labelled_organs\n";
  int ct = 0, mr = 0;
  for (const SplitCase& c : official.cases) {
    const Task& task = official.task_of(c);
    if ((task.modality == Modality::ct ? ct : mr)++ >= (task.modality == Modality::ct ? 30 : 18)) continue;
    csv << c.case_id << "," << to_string(task.modality) << "," << to_string(c.subset) << "," << task.name
        << ",1\n";
  }
  csv.close();
  PhantomConfig config{"prototype", folder.path() / "prototype.csv", 7, 2};
  write(config, folder.path() / "p");
  const auto checks = check_phantom(folder.path() / "p", 2);
  EXPECT_TRUE(all_passed(checks)) << to_table(checks);
}

class SmokePhantom : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    original_ = std::make_unique<TemporaryFolder>();
    write(phantom_config("smoke"), original_->path() / "p");
  }
  static void TearDownTestSuite() { original_.reset(); }
  void SetUp() override { fs::copy(original_->path() / "p", dataset(), fs::copy_options::recursive); }
  [[nodiscard]] fs::path dataset() const { return folder_.path() / "p"; }

  // Changes each label map of the dataset.
  template <class Change>
  void change_labels(Change change) const {
    for (const auto& [id, files] : open_dataset(dataset()).cases) {
      LabelMap labels = read_label(files.label);
      change(labels);
      write_label_map(files.label, labels);
    }
  }

 private:
  static inline std::unique_ptr<TemporaryFolder> original_;  // written once; each test has a copy
  TemporaryFolder folder_;
};

TEST_F(SmokePhantom, PassesEveryCheck) {
  const auto checks = check_phantom(dataset(), 2);
  EXPECT_GT(checks.size(), 40U);
  EXPECT_TRUE(all_passed(checks)) << to_table(checks);
}

TEST_F(SmokePhantom, WithOrgansRenumberedMissesLimits) {
  change_labels([](LabelMap& labels) {
    for (std::uint8_t& label : labels.voxels)
      label = label == 0 ? label : static_cast<std::uint8_t>(label % 13 + 1);
  });
  EXPECT_TRUE(misses(check_phantom(dataset(), 2), "mean volume / table"));
}

TEST_F(SmokePhantom, WithLabelsOutOfPlaceMissesTheClassifiers) {
  change_labels([](LabelMap& labels) {
    // Up by a quarter of the volume: volumes stay, the image no longer fits.
    std::rotate(labels.voxels.begin(),
                labels.voxels.begin() + static_cast<std::ptrdiff_t>(labels.voxels.size() / 4),
                labels.voxels.end());
  });
  EXPECT_TRUE(misses(check_phantom(dataset(), 2), "Dice, intensity and atlas, CT to CT"));
}

TEST_F(SmokePhantom, WithALabelOnAnotherGridIsNoticed) {
  const auto files = open_dataset(dataset()).cases.at("amos_0001");
  LabelMap labels = read_label(files.label);
  labels.geometry.affine[0][3] += 20;
  write_label_map(files.label, labels);
  EXPECT_TRUE(misses(check_phantom(dataset(), 2), "grid"));
}

TEST_F(SmokePhantom, WithACaseMissingIsAnError) {
  fs::remove(dataset() / "labelsTr" / "amos_0507.nii.gz");
  EXPECT_THROW(check_phantom(dataset(), 2), DataError);
}

TEST(QualityChecks, RefuseAFolderThatIsNoPhantom) {
  const TemporaryFolder folder;
  EXPECT_THROW(check_phantom(folder.path(), 1), DataError);
}

}  // namespace
}  // namespace totum
