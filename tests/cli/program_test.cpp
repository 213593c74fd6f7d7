// The built program as a user starts it: exit statuses, messages, and the way of real volumes from disk to
// scores.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "core/files.h"
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
  EXPECT_THAT(read_file(at("perfect/scores.csv")), HasSubstr(",dice,1\n"));
}

}  // namespace
}  // namespace totum
