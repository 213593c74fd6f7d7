#include "data/prepare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/sha256.h"
#include "data/nifti.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/volumes.h"

namespace totum {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Prepare : public testing::Test {
 protected:
  Prepare() {
    split_.name = "mine.csv";
    split_.tasks = {{"ct_a", Modality::ct, {5, 6, 7, 8}}, {"mr", Modality::mr, {1, 2}}};
    split_.cases = {{"amos_0001", Subset::train, 0},
                    {"amos_0002", Subset::train, 0},
                    {"amos_0003", Subset::test, 0},
                    {"amos_0507", Subset::train, 1},
                    {"amos_0508", Subset::val, 1}};
    write_file_atomically(data_ / "dataset.json", "{}");
    std::uint64_t seed = 20;
    for (const SplitCase& c : split_.cases) {
      auto [image, label] = body(
          turned(upright_grid({18 + static_cast<std::int64_t>(seed % 3), 15, 12}, {2, 2, 4}), 10), seed++);
      write_image(image_of(c.case_id), image);
      write_label_map(label_of(c.case_id), label);
    }
  }
  fs::path image_of(const std::string& id) const { return data_ / "imagesTr" / (id + ".nii.gz"); }
  fs::path label_of(const std::string& id) const { return data_ / "labelsTr" / (id + ".nii.gz"); }
  PreparedDataset prepare(const fs::path& cache, int threads = 2) const {
    const auto progress = make_silent_progress();
    return prepare_dataset(open_dataset(data_), split_, {config_, {}}, cache, threads, *progress);
  }
  // Checksums of every file of a cache but the memory of hashes, which holds times.
  static std::map<std::string, std::string> contents(const fs::path& cache) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(cache)) {
      if (entry.is_regular_file() && entry.path().filename() != "file-hashes.json") {
        files[entry.path().lexically_relative(cache).string()] = sha256_of_file(entry.path());
      }
    }
    return files;
  }

  TemporaryFolder folder_;
  fs::path data_ = folder_.path() / "data";
  fs::path cache_ = folder_.path() / "cache";
  Split split_;
  PreprocessConfig config_{{5, 3, 3}, 1};
};

// The hash of a file is remembered by its state; a copy with the old time must not be taken for the old file.
TEST_F(Prepare, AFileReplacedByOneOfTheSameSizeAndTimeIsSeen) {
  const fs::path label = label_of("amos_0001");
  const std::string bytes = read_file(label);
  write_file_atomically(label, bytes + "a");  // behind the gzip member: not read, but hashed
  const std::string before = prepare(cache_).data_sha256;
  const auto time = fs::last_write_time(label);
  write_file_atomically(label, bytes + "b");
  fs::last_write_time(label, time);
  EXPECT_NE(prepare(cache_).data_sha256, before);
}

TEST_F(Prepare, NothingIsMadeOfBytesThatAreNotThoseHashed) {
  const auto files = open_dataset(data_);
  const auto hashes = hash_files({files.cases.at("amos_0001").label}, cache_, 1);
  // A memory that names another hash for the file as it is now, as if it had been rewritten in between.
  std::string memory = read_file(cache_ / "file-hashes.json");
  const std::string hash = hashes.begin()->second;
  memory.replace(memory.find(hash), hash.size(), std::string(hash.size(), '0'));
  write_file_atomically(cache_ / "file-hashes.json", memory);
  EXPECT_THAT(message_of<DataError>([&] { prepare(cache_); }),
              testing::AllOf(HasSubstr("amos_0001.nii.gz"), HasSubstr("bytes changed")));
  for (const auto& [name, sha256] : contents(cache_)) EXPECT_EQ(name.find("atlas"), std::string::npos);
  EXPECT_NO_THROW(prepare(cache_));  // it was hashed again
}

TEST_F(Prepare, ANeighbourOfALabelHasNoPartInTheCache) {
  prepare(cache_);
  LabelMap empty = read_label(label_of("amos_0001"));
  std::fill(empty.voxels.begin(), empty.voxels.end(), std::uint8_t{0});
  write_file_atomically(data_ / "labelsTr/amos_0001.nii", nifti_bytes(empty, 2));
  prepare(folder_.path() / "other");
  EXPECT_EQ(contents(cache_), contents(folder_.path() / "other"));
}

TEST_F(Prepare, EveryThreadCountGivesTheSameBytes) {
  prepare(cache_, 1);
  prepare(folder_.path() / "other", 4);
  const auto files = contents(cache_);
  EXPECT_EQ(files.size(), 6U);  // five cases and the atlas
  EXPECT_EQ(files, contents(folder_.path() / "other"));
}

TEST_F(Prepare, AllCasesAreThereWithTheirTasksModality) {
  const PreparedDataset prepared = prepare(cache_);
  ASSERT_EQ(prepared.cases.size(), 5U);
  for (const SplitCase& c : split_.cases) {
    EXPECT_EQ(prepared.at(c.case_id).modality(), split_.task_of(c).modality);
    EXPECT_FALSE(prepared.at(c.case_id).label().empty());
  }
}

TEST_F(Prepare, ASecondCallWritesNothing) {
  const PreparedDataset first = prepare(cache_);
  std::map<fs::path, fs::file_time_type> times;
  for (const auto& entry : fs::recursive_directory_iterator(cache_))
    times[entry.path()] = entry.last_write_time();
  const PreparedDataset second = prepare(cache_);
  EXPECT_EQ(second.data_sha256, first.data_sha256);
  for (const auto& entry : fs::recursive_directory_iterator(cache_))
    EXPECT_EQ(entry.last_write_time(), times[entry.path()]);
}

TEST_F(Prepare, ADamagedCacheFileIsMadeAgainWithAWarning) {
  prepare(cache_);
  const auto whole = contents(cache_);
  for (const auto& [name, checksum] : whole) {
    std::string damaged = read_file(cache_ / name);
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
    write_file_atomically(cache_ / name, damaged);
  }
  testing::internal::CaptureStdout();  // spdlog's logger before main() has set one
  prepare(cache_);
  const std::string log = testing::internal::GetCapturedStdout();
  for (const auto& [name, checksum] : whole) EXPECT_THAT(log, HasSubstr(fs::path(name).filename().string()));
  EXPECT_THAT(log, HasSubstr("making it again"));
  EXPECT_EQ(contents(cache_), whole);
}

TEST_F(Prepare, AnotherImageLabelOrSettingIsAnotherFile) {
  const std::string before = prepare(cache_).data_sha256;
  config_.torso_margin_voxels = 2;
  const std::string other_margin = prepare(cache_).data_sha256;
  EXPECT_NE(other_margin, before);
  LabelMap label = read_label(label_of("amos_0001"));
  label.voxels[0] = 3;
  write_label_map(label_of("amos_0001"), label);
  EXPECT_NE(prepare(cache_).data_sha256, other_margin);
  config_.torso_margin_voxels = 1;
  EXPECT_EQ(contents(cache_).size(), 5U + 5U + 1U + 3U);
}

TEST_F(Prepare, FaultsOfAllCasesAreNamedAtOnce) {
  const std::string whole = read_file(image_of("amos_0002"));
  write_file_atomically(image_of("amos_0002"), whole.substr(0, whole.size() / 2));
  write_label_map(label_of("amos_0508"), body(upright_grid({4, 4, 4}, {1, 1, 1}), 1).second);
  const std::string message = message_of<DataError>([&] { prepare(cache_); });
  EXPECT_THAT(message, HasSubstr("2 case(s)"));
  EXPECT_THAT(message, HasSubstr("imagesTr/amos_0002.nii.gz"));
  EXPECT_THAT(
      message,
      HasSubstr("labelsTr/amos_0508.nii.gz: the label has another size than its image: 4 x 4 x 4 voxels"));
  write_file_atomically(image_of("amos_0002"), whole);  // what was good is kept; the rest is refused again
  EXPECT_THAT(message_of<DataError>([&] { prepare(cache_); }), HasSubstr("1 case(s)"));
}

TEST_F(Prepare, ACaseThatIsNotThereIsNamed) {
  split_.cases.push_back({"amos_0099", Subset::train, 0});
  EXPECT_THAT(message_of<DataError>([&] { prepare(cache_); }), HasSubstr("amos_0099"));
}

TEST_F(Prepare, ImagesWithoutLabelsCanBePrepared) {
  fs::remove(label_of("amos_0003"));  // a test case
  const PreparedDataset prepared = prepare(cache_);
  EXPECT_TRUE(prepared.at("amos_0003").label().empty());
  EXPECT_FALSE(prepared.at("amos_0003").image().empty());
}

TEST_F(Prepare, TheAtlasKnowsNothingOfOtherSubsetsNorOfUnlabelledOrgans) {
  const std::vector<float> before = prepare(cache_).atlas.probability;
  for (const SplitCase& c : split_.cases) {
    LabelMap label = read_label(label_of(c.case_id));
    const auto& organs = split_.task_of(c).organs;
    for (std::uint8_t& value : label.voxels) {
      const bool permitted =
          c.subset == Subset::train && std::find(organs.begin(), organs.end(), value) != organs.end();
      if (!permitted)
        value = static_cast<std::uint8_t>(c.subset == Subset::train ? 13 : 5);  // 13: no task labels it here
    }
    write_label_map(label_of(c.case_id), label);
  }
  EXPECT_EQ(prepare(cache_).atlas.probability, before);
}

TEST_F(Prepare, RegistrationLooksAtTrainingImagesAlone) {
  config_.spacing_mm = {4, 2, 2};
  const auto registered = [&](const fs::path& cache) {
    AtlasConfig atlas;
    atlas.alignment = "affine";
    return prepare_dataset(open_dataset(data_), split_, {config_, atlas}, cache, 1, *make_silent_progress());
  };
  const PreparedDataset before = registered(cache_);
  ASSERT_EQ(before.to_atlas.size(), 3U);  // the training cases
  EXPECT_EQ(before.warp_of("amos_0003"), nullptr);
  EXPECT_NE(before.warp_of("amos_0507"), nullptr);
  for (const SplitCase& c : split_.cases) {
    LabelMap label = read_label(label_of(c.case_id));
    if (c.subset != Subset::train) std::fill(label.voxels.begin(), label.voxels.end(), std::uint8_t{5});
    for (std::uint8_t& value : label.voxels) value = value == 9 ? 10 : value;  // no task labels either
    write_label_map(label_of(c.case_id), label);
  }
  const PreparedDataset after = registered(folder_.path() / "other");
  EXPECT_EQ(after.atlas.probability, before.atlas.probability);
  for (const auto& [id, warp] : before.to_atlas)
    EXPECT_EQ(after.to_atlas.at(id).displacement, warp.displacement);
}

TEST_F(Prepare, TheWayTheAtlasIsMadeNamesItsFile) {
  prepare(cache_);
  AtlasConfig published;
  published.scale = "maximum";
  published.blur_sigma_voxels = 1;
  const auto other =
      prepare_dataset(open_dataset(data_), split_, {config_, published}, cache_, 1, *make_silent_progress());
  EXPECT_EQ(std::distance(fs::directory_iterator(cache_ / "atlas"), fs::directory_iterator{}), 2);
  EXPECT_NE(other.atlas.probability, prepare(cache_).atlas.probability);
}

TEST_F(Prepare, TheLabelsExtentNamesEveryCaseThatLacksOne) {
  config_.z_extent = "labels";
  fs::remove(label_of("amos_0003"));
  LabelMap empty = read_label(label_of("amos_0508"));
  std::fill(empty.voxels.begin(), empty.voxels.end(), std::uint8_t{0});
  write_label_map(label_of("amos_0508"), empty);
  EXPECT_THAT(message_of<DataError>([&] { prepare(cache_); }),
              testing::AllOf(HasSubstr("2 case(s)"), HasSubstr("amos_0003.nii.gz: it has no label"),
                             HasSubstr("amos_0508.nii.gz: its label has no organ")));
}

TEST_F(Prepare, WhatKillLeavesBehindIsGoneOnWith) {
  prepare(folder_.path() / "undisturbed");
  int killed = 0;
  for (int attempt = 0; attempt < 12; ++attempt) {
    const pid_t child = ::fork();
    if (child == 0) {
      prepare(cache_, 2);
      ::_exit(0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1 + 3 * attempt));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    killed += WIFSIGNALED(status) ? 1 : 0;
  }
  EXPECT_GT(killed, 0);
  prepare(cache_);
  EXPECT_EQ(contents(cache_), contents(folder_.path() / "undisturbed"));
}

// Runs `work` in a process of its own and returns its exit status.
template <class Work>
int status_of(Work&& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(Prepare, CtrlCStopsAtASafePointAndTheSameCallGoesOn) {
  EXPECT_EQ(status_of([&] {
              install_interrupt_handler();
              ::raise(SIGINT);
              try {
                prepare(cache_);
                return 0;
              } catch (const Interrupted& error) {
                return error.exit_status();
              }
            }),
            130);
  prepare(cache_);
  prepare(folder_.path() / "undisturbed");
  EXPECT_EQ(contents(cache_), contents(folder_.path() / "undisturbed"));
}

TEST_F(Prepare, AFullDiskIsNamedAndLeavesNothingHalfWritten) {
  EXPECT_EQ(status_of([&] {
              std::signal(SIGXFSZ, SIG_IGN);  // writing beyond the limit fails, as on a full disk
              const rlimit limit{4096, 4096};
              ::setrlimit(RLIMIT_FSIZE, &limit);
              return message_of<RunError>([&] { prepare(cache_); }).find(cache_.string()) != std::string::npos
                         ? 0
                         : 3;
            }),
            0);
  for (const auto& [name, checksum] : contents(cache_)) ADD_FAILURE() << name << " was left behind";
}

TEST_F(Prepare, TwoProcessesMayShareACache) {
  const pid_t child = ::fork();
  if (child == 0) {
    prepare(cache_, 2);
    ::_exit(0);
  }
  prepare(cache_, 2);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  prepare(folder_.path() / "undisturbed");
  EXPECT_EQ(contents(cache_), contents(folder_.path() / "undisturbed"));
}

}  // namespace
}  // namespace totum
