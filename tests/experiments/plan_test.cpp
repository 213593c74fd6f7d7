#include "experiments/plan.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "core/error.h"
#include "core/files.h"
#include "experiments/run_store.h"
#include "experiments/run_worker.h"
#include "experiments/train_log.h"
#include "tests/core/temporary_folder.h"
#include "tests/experiments/tiny_record.h"

namespace totum {
namespace {

namespace fs = std::filesystem;

struct PlanTest : testing::Test {
  TemporaryFolder folder;
  PreparedDataset data = tiny_dataset(folder.path() / "cache");
  Preset preset = tiny_record("proposed").preset;
  RunInputs inputs{folder.path() / "data", folder.path() / "cache", folder.path() / "split.csv", false};

  std::vector<PlannedRun> plan(const std::vector<PlannedMethod>& methods) const {
    return plan_runs(preset, methods, data, "cpu", {true, {"a note"}, {}}, folder.path() / "runs");
  }
};

const std::vector<PlannedMethod> kMethods{{"single", "single", "Single", nlohmann::json::object()},
                                          {"ablation_a", "proposed", "(a) plain network", {{"aprn", false}}}};

TEST_F(PlanTest, IsMethodTimesSeed) {
  preset.seeds = {0, 5};
  const auto runs = plan(kMethods);
  ASSERT_EQ(runs.size(), 4U);
  EXPECT_EQ(runs[0].folder, folder.path() / "runs" / "tiny" / "single" / "seed-0");
  EXPECT_EQ(runs[3].folder, folder.path() / "runs" / "tiny" / "ablation_a" / "seed-5");
  EXPECT_EQ(runs[3].record.name(), "ablation_a/seed-5");
  EXPECT_NE(runs[2].record.config_sha256, runs[3].record.config_sha256);
}

TEST_F(PlanTest, PutsATablesOptionsOnTopOfThePresets) {
  preset.method_options = {{"proposed", {{"ramp", {{"from", 0.2}, {"to", 0.4}}}, {"aprn", true}}}};
  const auto runs = plan({{"x", "proposed", "x", {{"aprn", false}, {"ramp", {{"to", 0.5}}}}}});
  EXPECT_EQ(runs[0].record.options,
            (nlohmann::json{{"aprn", false}, {"ramp", {{"from", 0.2}, {"to", 0.5}}}}));
}

TEST_F(PlanTest, CollectsFaultsOfAllMethods) {
  try {
    (void)plan({{"x", "singel", "x", nlohmann::json::object()}, {"y", "proposed", "y", {{"apn", true}}}});
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean \"single\""), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("did you mean \"aprn\""), std::string::npos);
  }
}

TEST_F(PlanTest, StoresWhatTheRegistryDeclaresOfAMethod) {
  const auto runs =
      plan({{"full_labels", "full_labels", "Full labels", nlohmann::json::object()}, kMethods[0]});
  write_plan(runs, inputs);
  const RunRecord bound = read_run_record({runs[0].folder});
  EXPECT_EQ(bound.supervision, Supervision::full);
  EXPECT_FALSE(bound.of_paper);
  EXPECT_NE(bound.remark.find("hidden labels"), std::string::npos);
  const RunRecord rival = read_run_record({runs[1].folder});
  EXPECT_EQ(rival.supervision, Supervision::partial);
  EXPECT_TRUE(rival.of_paper);
  EXPECT_EQ(rival.remark, "");
}

TEST_F(PlanTest, CollectsFaultsOfMethodsThatAreNotTrained) {
  try {
    (void)plan({{"x", "external", "x", nlohmann::json::object()}, {"y", "atlas_only", "y", {{"apn", true}}}});
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("/options/command"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("apn"), std::string::npos);
  }
}

TEST_F(PlanTest, CanBeRepeatedAndMovesNothing) {
  const auto runs = plan(kMethods);
  write_plan(runs, inputs);
  const fs::path file = RunFolder{runs[0].folder}.run_json();
  const std::string before = read_file(file);
  const auto time = fs::last_write_time(file);
  write_plan(plan(kMethods), inputs);
  EXPECT_EQ(read_file(file), before);
  EXPECT_EQ(fs::last_write_time(file), time);
  EXPECT_EQ(to_json(read_run_record({runs[0].folder})), to_json(runs[0].record));
  EXPECT_EQ(read_run_inputs({runs[0].folder}).data, inputs.data);
  EXPECT_EQ(state_of({runs[0].folder}), RunState::planned);
}

TEST_F(PlanTest, MoreSeedsOrOtherCheckpointsKeepWhatIsThere) {
  write_plan(plan(kMethods), inputs);
  preset.seeds = {0, 1};
  preset.schedule.checkpoint_every_s = 7;
  EXPECT_NO_THROW(write_plan(plan(kMethods), inputs));
}

TEST_F(PlanTest, RefusesAFolderThatWasPlannedOtherwise) {
  write_plan(plan(kMethods), inputs);
  preset.schedule.epochs = 99;
  try {
    write_plan(plan(kMethods), inputs);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("/config/schedule/epochs was 4, is 99"), std::string::npos)
        << error.what();
  }
}

TEST_F(PlanTest, AFolderWithoutAPlanIsTheUsersMistake) {
  try {
    work_on_run({folder.path() / "nothing"}, *make_silent_progress());
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("holds no run.json"), std::string::npos);
  }
}

TEST_F(PlanTest, AFailedRunKeepsItsError) {
  const auto runs = plan(kMethods);
  write_plan(runs, inputs);  // there is no dataset at inputs.data
  const RunFolder run{runs[0].folder};
  EXPECT_THROW(work_on_run(run, *make_silent_progress()), Error);
  EXPECT_EQ(state_of(run), RunState::failed);
  EXPECT_NE(read_error(run).find("there is no such folder"), std::string::npos) << read_error(run);
}

TEST_F(PlanTest, ARunIsHeldByOneProcessAtATime) {
  const auto runs = plan(kMethods);
  write_plan(runs, inputs);
  const RunFolder run{runs[0].folder};
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const FileLock lock(run.lock());
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  try {
    work_on_run(run, *make_silent_progress());
    ADD_FAILURE() << "nothing was thrown";
  } catch (const RunError& error) {
    EXPECT_NE(std::string(error.what()).find("held by"), std::string::npos) << error.what();
  }
  EXPECT_FALSE(fs::exists(run.error()));  // it is the other process's run
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

// A file size limit stands for a full disk: the write fails in the middle.
TEST(FullDisk, EndsTheLogWithAMessageThatNamesTheFile) {
  const TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{64, 64};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      TrainLog log(folder.path() / "log.jsonl", 0);
      for (int i = 0; i < 10; ++i) log.append({{"iteration", i}});
      ::_exit(1);
    } catch (const RunError& error) {
      ::_exit(std::string(error.what()).find("log.jsonl: can't be written") != std::string::npos ? 0 : 2);
    }
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace totum
