// The built program as a user starts it: exit statuses, messages, and the way of real volumes from disk to
// scores.

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "core/files.h"
#include "core/sha256.h"
#include "data/nifti.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

struct Outcome {
  int exit_status = 0;
  std::string out, error;
};

class ProgramTest : public testing::Test {
 protected:
  Outcome call(const std::string& arguments) const {
    const std::string out = at("stdout.txt");
    const std::string error = at("stderr.txt");
    const std::string command = std::string(TOTUM_PROGRAM) + " " + arguments + " >" + out + " 2>" + error;
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(out), read_file(error)};
  }
  void expect_refused(const std::string& arguments, const std::string& message) const {
    const Outcome outcome = call(arguments);
    EXPECT_EQ(outcome.exit_status, 2) << arguments << "\n" << outcome.error;
    EXPECT_THAT(outcome.error, HasSubstr(message)) << arguments;
    EXPECT_EQ(outcome.out, "") << arguments;
  }
  // The same under a limit of the file size in KiB: writing more fails as on a full disk.
  Outcome call_on_full_disk(std::int64_t kibibytes, const std::string& arguments) const {
    const std::string out = at("stdout.txt");
    const std::string error = at("stderr.txt");
    const std::string command = fmt::format("trap '' XFSZ; ulimit -f {}; {} {} >{} 2>{}", 2 * kibibytes,
                                            TOTUM_PROGRAM, arguments, out, error);
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(out), read_file(error)};
  }
  pid_t start(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all{TOTUM_PROGRAM};
    all.insert(all.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& argument : all) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const std::string error = at("background.txt");
    const pid_t child = ::fork();
    if (child != 0) return child;
    const int file = ::open(error.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ::dup2(file, STDOUT_FILENO);
    ::dup2(file, STDERR_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  std::string at(const std::string& name) const { return (folder_.path() / name).string(); }
  TemporaryFolder folder_;
};

TEST_F(ProgramTest, HelpGoesToStderrAndIsNoError) {
  const Outcome outcome = call("--help");
  EXPECT_EQ(outcome.exit_status, 0);
  EXPECT_EQ(outcome.out, "");
  for (const char* command : {"reproduce", "phantom", "prepare", "atlas", "run", "predict", "evaluate",
                              "compare", "report", "verify", "methods", "doctor", "version"}) {
    EXPECT_THAT(outcome.error, HasSubstr(command));
  }
}

TEST_F(ProgramTest, MistakesOfTheCommandLineHaveExitStatusTwo) {
  expect_refused("", "subcommand");
  expect_refused("reprodce", "did you mean \"reproduce\"?");
  expect_refused("reproduce --preset smok --out " + at("out"), "smoke");
  expect_refused("reproduce --methods singel --out " + at("out"), "did you mean \"single\"?");
  expect_refused("reproduce --set sampler/patch_voxels=[30,32,32] --out " + at("out"), "multiple of 16");
  expect_refused("reproduce --set sampler/patch=1 --out " + at("out"), "unknown key");
  expect_refused("reproduce --preset amos22-paper --out " + at("out"), "--data");
  expect_refused("predict --run " + at("none") + " --images " + at("none") + " --out " + at("out"),
                 "run.json");
  expect_refused("compare one=" + at("none.csv") + " --out " + at("out"), "");
  EXPECT_FALSE(fs::exists(at("out")) && !fs::is_empty(at("out"))) << "something was half-written";
}

// One training of seconds; long enough to be met in the middle.
std::vector<std::string> small_job(const std::string& out) {
  return {"reproduce",
          "--preset",
          "smoke",
          "--device",
          "cpu",
          "--methods",
          "ablation_a",
          "--tables",
          "table2",
          "--out",
          out,
          "--set",
          "dataset/phantom=tiny",
          "--set",
          "dataset/split=phantom_tiny",
          "--set",
          "sampler/patch_voxels=[16,32,32]",
          "--set",
          "preprocess/spacing_mm=[16,10,10]",
          "--set",
          "schedule/epochs=40",
          "--set",
          "schedule/log_every_iterations=1"};
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("'{}'", fmt::join(words, "' '"));
}

bool appears(const fs::path& path) {
  for (int i = 0; i < 600; ++i) {
    if (fs::exists(path)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

TEST_F(ProgramTest, CtrlCStopsTrainingAndTheSameCommandEndsWithTheSameBytes) {
  const pid_t child = start(small_job(at("stopped")));
  const fs::path run = at("stopped/runs/smoke/ablation_a/seed-0");
  ASSERT_TRUE(appears(run / "log.jsonl"));
  ::kill(child, SIGINT);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130) << read_file(at("background.txt"));
  EXPECT_FALSE(fs::exists(run / "done.json")) << "it was not stopped in the middle";
  EXPECT_FALSE(fs::exists(run / "error.json"));
  const Outcome continued = call(joined(small_job(at("stopped"))));
  EXPECT_EQ(continued.exit_status, 0) << continued.error;
  ASSERT_EQ(call(joined(small_job(at("straight")))).exit_status, 0);
  for (const char* file : {"best.safetensors", "scores.csv"}) {
    EXPECT_EQ(sha256_of_file(run / file),
              sha256_of_file(at("straight/runs/smoke/ablation_a/seed-0") + "/" + file))
        << file;
  }
}

TEST_F(ProgramTest, ASecondCallWaitsForTheFirstAndFindsItsWorkDone) {
  const pid_t child = start(small_job(at("out")));
  ASSERT_TRUE(appears(at("out/runs/smoke/ablation_a/seed-0/log.jsonl")));
  const Outcome second = call(joined(small_job(at("out"))));
  EXPECT_EQ(second.exit_status, 0) << second.error;
  EXPECT_THAT(second.error, HasSubstr(fmt::format("waiting for process {}", child)));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0) << read_file(at("background.txt"));
}

TEST_F(ProgramTest, AFullDiskIsNamedAndWhatIsThereStaysWhole) {
  // A checkpoint has 50 MB, all that comes before it less than 2.
  const Outcome training = call_on_full_disk(4096, joined(small_job(at("out"))));
  EXPECT_EQ(training.exit_status, 1) << training.error;
  const std::string error = read_file(at("out/runs/smoke/ablation_a/seed-0/error.json"));
  EXPECT_THAT(error, HasSubstr("can't be written"));
  EXPECT_THAT(error, HasSubstr("make room"));
  ASSERT_EQ(call(joined(small_job(at("out")))).exit_status, 0);
  const fs::path report = at("out/report/smoke/report.json");
  const std::string before = sha256_of_file(report);
  const Outcome reporting = call_on_full_disk(
      2, "report " + at("out/runs/smoke") + " --tables table2 --out " + at("out/report/smoke"));
  EXPECT_EQ(reporting.exit_status, 1) << reporting.error;
  EXPECT_THAT(reporting.error, HasSubstr("can't be written"));
  EXPECT_EQ(sha256_of_file(report), before);
}

TEST_F(ProgramTest, PredictRefusesWhatWouldGiveWrongMapsOrReplaceImages) {
  const std::vector<std::string> job = small_job(at("out"));
  ASSERT_EQ(call(joined(job)).exit_status, 0);
  const fs::path run = at("out/runs/smoke/ablation_a/seed-0");
  const fs::path images = at("out/data/smoke/imagesTr");
  expect_refused(
      "predict --run " + run.string() + " --images " + images.string() + " --out " + images.string(),
      "would replace the images");
  fs::create_directories(at("mine"));
  fs::copy_file(images / "amos_0001.nii.gz", at("mine/subject_001.nii.gz"));
  const std::string mine =
      "predict --run " + run.string() + " --images " + at("mine") + " --out " + at("predicted");
  EXPECT_THAT(call(mine).error, HasSubstr("pass --modality"));
  EXPECT_EQ(call(mine + " --modality ct").exit_status, 0);
  std::ofstream(run / "best.safetensors", std::ios::app) << "x";
  expect_refused(mine + " --modality ct", "is not the one that done.json names");
  fs::remove(run / "done.json");
  expect_refused(mine + " --modality ct", "is not done");
}

TEST_F(ProgramTest, APhantomIsNeverReportedAsPatients) {
  ASSERT_EQ(call("phantom --out " + at("phantom") + " --size tiny").exit_status, 0);
  write_file_atomically(at("own.json"), R"({"extends": "smoke", "name": "own", "dataset": {"kind": "amos",
    "split": "phantom_tiny"}, "sampler": {"patch_voxels": [16, 32, 32]}, "preprocess": {"spacing_mm": [16, 10, 10]},
    "schedule": {"epochs": 2, "validate_every_epochs": 1}})");
  const Outcome made = call("reproduce --preset " + at("own.json") + " --data " + at("phantom") +
                            " --methods ablation_a --tables table2 --out " + at("out"));
  ASSERT_EQ(made.exit_status, 0) << made.error;
  EXPECT_THAT(read_file(at("out/report/own/report.md")), HasSubstr("phantom: not a result about patients"));
  EXPECT_THAT(read_file(at("out/report/own/report.json")), HasSubstr("phantom data"));
}

TEST_F(ProgramTest, DatasetsThatAreNoneAreRefused) {
  fs::create_directories(at("empty"));
  expect_refused("reproduce --preset amos22-paper --data " + at("empty") + " --out " + at("out"), "empty");
  expect_refused("reproduce --preset amos22-paper --data " + at("nowhere") + " --out " + at("out"),
                 "no such folder");
  fs::create_directories(at("other"));
  write_file_atomically(at("other/readme.txt"), "not a dataset");
  expect_refused("reproduce --preset amos22-paper --data " + at("other") + " --out " + at("out"),
                 "dataset.json is missing");
}

// A phantom with a few of AMOS22's ids: the paper's preset plans, checks and lists what is missing.
TEST_F(ProgramTest, AmosPresetListsTheCasesThatADatasetLacks) {
  ASSERT_EQ(call("phantom --size tiny --out " + at("tiny")).exit_status, 0);
  const Outcome outcome =
      call("reproduce --preset amos22-paper --data " + at("tiny") + " --out " + at("out"));
  EXPECT_EQ(outcome.exit_status, 2);
  EXPECT_THAT(outcome.error, HasSubstr("no image"));
  EXPECT_THAT(outcome.error, HasSubstr("--allow-missing"));
}

TEST_F(ProgramTest, AtlasWritesFilesForAViewer) {
  const std::string tiny =
      " --set dataset/phantom=tiny --set dataset/split=phantom_tiny --set preprocess/spacing_mm=[16,10,10]";
  const Outcome outcome = call("atlas --preset smoke --out " + at("atlas") + tiny);
  EXPECT_EQ(outcome.exit_status, 0) << outcome.error;
  EXPECT_THAT(outcome.out, HasSubstr("inferior vena cava"));
  EXPECT_THAT(outcome.out, HasSubstr(at("atlas/atlas.png")));
  EXPECT_TRUE(fs::exists(at("atlas/atlas_13_duodenum.nii.gz")));
  EXPECT_THAT(call("atlas --json --preset smoke --out " + at("atlas") + tiny).out,
              HasSubstr("\"mean_entropy_bits\""));
  expect_refused("atlas --preset smoke", "--out");
  expect_refused("atlas --preset smoke --set atlas/alignment=rigid --out " + at("out"),
                 "/atlas/alignment is \"rigid\"");
  expect_refused("atlas --preset amos22-published-code --out " + at("out"), "--data");
  expect_refused("atlas --preset amos22-paper --data " + at("nowhere") + " --out " + at("out"),
                 "no such folder");
  write_file_atomically(at("taken"), "x");
  expect_refused("atlas --preset smoke --out " + at("taken"), "is a file");
}

TEST_F(ProgramTest, DoctorFindsThisMachineHealthy) {
  const Outcome outcome = call("doctor --json --out " + at("out"));
  EXPECT_EQ(outcome.exit_status, 0) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("convolution on cpu"));
}

// Plumbing on real CT and MR: two patients, so the scores mean nothing; grids and exit statuses do.
TEST_F(ProgramTest, RealVolumesGoFromDiskToScores) {
  const fs::path data = fs::path(TOTUM_SOURCE_DIR) / "../shared/data/real_mini";
  if (!fs::exists(data / "dataset.json")) {
    GTEST_SKIP() << "the three real volumes are not part of the project; they are expected in " << data;
  }
  write_file_atomically(at("real.json"), R"({"extends": "smoke", "name": "real-mini",
    "dataset": {"kind": "amos", "split": "real_mini"}, "preprocess": {"spacing_mm": [6, 6, 6]},
    "schedule": {"epochs": 4, "validate_every_epochs": 2}})");
  const Outcome made = call("reproduce --preset " + at("real.json") + " --data " + data.string() +
                            " --methods ablation_a --tables table1 --jobs 1 --out " + at("out"));
  ASSERT_EQ(made.exit_status, 0) << made.error;
  const std::string run = at("out/runs/real-mini/ablation_a/seed-0");
  ASSERT_EQ(
      call("predict --run " + run + " --images " + (data / "imagesTr").string() + " --out " + at("predicted"))
          .exit_status,
      0);
  for (const char* id : {"amos_0001", "amos_0002", "amos_0507"}) {
    const std::string name = std::string(id) + ".nii.gz";
    // Affines equal: a viewer lays the prediction over its image. 1e-5 mm is the header's float32.
    EXPECT_TRUE(same_grid(read_nifti_header(at("predicted/" + name)).geometry,
                          read_nifti_header(data / "imagesTr" / name).geometry, 1e-4))
        << id;
  }
  const Outcome scored = call("evaluate --labels " + (data / "labelsTr").string() + " --predictions " +
                              at("predicted") + " --out " + at("scores"));
  EXPECT_EQ(scored.exit_status, 0) << scored.error;
  EXPECT_EQ(call("verify " + at("out/report/real-mini")).exit_status, 0);
  EXPECT_EQ(call("evaluate --labels " + (data / "labelsTr").string() + " --predictions " +
                 (data / "labelsTr").string() + " --out " + at("perfect"))
                .exit_status,
            0);
  // A label map against itself: every organ that is there scores 1; its column before is `in_reference`.
  std::istringstream lines(read_file(at("perfect/scores.csv")));
  std::int64_t scored_organs = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(",dice,1,") == std::string::npos) continue;
    EXPECT_THAT(line, ::testing::EndsWith(",dice,1,1"));
    ++scored_organs;
  }
  EXPECT_EQ(scored_organs, 36);  // 3 volumes of 13 organs, none with an oesophagus
}

}  // namespace
}  // namespace totum
