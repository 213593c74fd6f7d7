#include "experiments/executor.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

namespace fs = std::filesystem;

struct ExecutorTest : testing::Test {
  TemporaryFolder folder;
  ExecutorConfig config{folder.path() / "program", 2, 3, 0};

  // A stand-in for the program: `program run FOLDER`.
  void program(const std::string& body) const {
    write_file_atomically(config.program, "#!/bin/sh\n" + body);
    fs::permissions(config.program, fs::perms::owner_all);
  }
  std::vector<RunFolder> runs(const std::vector<std::string>& names) const {
    std::vector<RunFolder> out;
    for (const std::string& name : names) {
      out.push_back({folder.path() / name});
      write_file_atomically(out.back().run_json(), "{}");
    }
    return out;
  }
};

TEST_F(ExecutorTest, RunsEachFolderInAProcessOfItsOwn) {
  program("echo $1 $OMP_NUM_THREADS > $2/seen; echo hello; echo '{}' > $2/done.json\n");
  const auto folders = runs({"a", "b", "c"});
  run_locally(folders, config, *make_silent_progress());
  for (const RunFolder& run : folders) {
    EXPECT_EQ(state_of(run), RunState::done);
    EXPECT_EQ(read_file(run.path / "seen"), "run 3\n");
    EXPECT_EQ(read_file(run.output()), "hello\n");
  }
}

TEST_F(ExecutorTest, LeavesWhatIsDone) {
  program("echo again > $2/seen\n");
  const auto folders = runs({"a"});
  write_file_atomically(folders[0].done(), "{}");
  run_locally(folders, config, *make_silent_progress());
  EXPECT_FALSE(fs::exists(folders[0].path / "seen"));
}

void leave_training_files(const RunFolder& run) {
  write_file_atomically(run.checkpoint(), "weights");
  write_file_atomically(run.scratch() / "translated-0" / "volume.safetensors", "voxels");
}

bool has_training_files(const RunFolder& run) {
  EXPECT_EQ(fs::exists(run.checkpoint()), fs::exists(run.scratch()));
  return fs::exists(run.checkpoint());
}

// As after a kill between done.json and the end of the process. A run that isn't done keeps what it has, and
// one that another process holds is that process's own to tidy.
TEST_F(ExecutorTest, RemovesWhatADoneRunTrainedWith) {
  program("exit 0\n");
  const auto folders = runs({"done", "open", "held"});
  for (const RunFolder& run : folders) leave_training_files(run);
  for (const char* name : {"done", "held"}) write_file_atomically(folder.path() / name / "done.json", "{}");
  const FileLock held(folders[2].lock());
  run_locally(folders, config, *make_silent_progress());
  EXPECT_FALSE(has_training_files(folders[0]));
  EXPECT_TRUE(has_training_files(folders[1]));
  EXPECT_TRUE(has_training_files(folders[2]));
  EXPECT_EQ(state_of(folders[0]), RunState::done);
}

TEST_F(ExecutorTest, RemovesItBeforeAJobArrayToo) {
  const auto folders = runs({"a"});
  leave_training_files(folders[0]);
  write_file_atomically(folders[0].done(), "{}");
  run_on_slurm(folders, config, folder.path() / "slurm");  // nothing to submit
  EXPECT_FALSE(has_training_files(folders[0]));
}

TEST_F(ExecutorTest, GoesOnWhenARunFailsOrIsKilled) {
  program(
      "case $2 in *fails) echo '{\"error\": \"no luck\"}' > $2/error.json; exit 1;; *killed) kill -9 $$;; "
      "*odd) exit 7;; esac\n"
      "echo '{}' > $2/done.json\n");
  const auto folders = runs({"fails", "killed", "odd", "fine"});
  config.jobs = 1;
  run_locally(folders, config, *make_silent_progress());
  EXPECT_EQ(read_error(folders[0]), "no luck");
  EXPECT_NE(read_error(folders[1]).find("killed by signal 9"), std::string::npos);
  EXPECT_NE(read_error(folders[2]).find("status 7"), std::string::npos);
  EXPECT_EQ(state_of(folders[3]), RunState::done);
}

TEST_F(ExecutorTest, SharesOutTheDevices) {
  program("echo $CUDA_VISIBLE_DEVICES > $2/seen; sleep 0.3; echo '{}' > $2/done.json\n");
  const auto folders = runs({"a", "b"});
  config.devices = 2;
  run_locally(folders, config, *make_silent_progress());
  EXPECT_NE(read_file(folders[0].path / "seen"), read_file(folders[1].path / "seen"));
}

TEST_F(ExecutorTest, PassesAnInterruptOnAndSaysHowToContinue) {
  program("trap 'touch $2/stopped; exit 130' TERM; touch $2/started; while :; do sleep 0.05; done\n");
  const auto folders = runs({"a"});
  const pid_t child = ::fork();
  if (child == 0) {
    install_interrupt_handler();
    try {
      run_locally(folders, config, *make_silent_progress());
    } catch (const Interrupted& stopped) {
      ::_exit(std::string(stopped.what()).find("same command to continue") != std::string::npos
                  ? stopped.exit_status()
                  : 3);
    }
    ::_exit(0);
  }
  while (!fs::exists(folders[0].path / "started")) ::usleep(10000);
  ::kill(child, SIGTERM);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_TRUE(fs::exists(folders[0].path / "stopped"));
  EXPECT_FALSE(fs::exists(folders[0].error()));
}

TEST_F(ExecutorTest, WorkersDieWithTheProcessThatStartedThem) {
  program("echo $$ > $2/pid.new; mv $2/pid.new $2/pid; exec sleep 60\n");
  const auto folders = runs({"a"});
  const pid_t child = ::fork();
  if (child == 0) {
    run_locally(folders, config, *make_silent_progress());
    ::_exit(0);
  }
  while (!fs::exists(folders[0].path / "pid")) ::usleep(10000);
  const pid_t worker = std::stoi(read_file(folders[0].path / "pid"));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  // Gone, or a zombie that the machine's first process has not collected yet.
  const auto alive = [&] {
    const fs::path status = fs::path("/proc") / std::to_string(worker) / "status";
    return fs::exists(status) && read_file(status).find("State:\tZ") == std::string::npos;
  };
  for (int i = 0; i < 200 && alive(); ++i) ::usleep(10000);
  EXPECT_FALSE(alive());
}

TEST_F(ExecutorTest, WritesASlurmJobArray) {
  const auto folders = runs({"a", "it's b"});
  const fs::path job = write_slurm_job(folders, config, folder.path() / "slurm");
  const std::string text = read_file(job);
  EXPECT_EQ(text.substr(0, 12), "#!/bin/bash\n");
  EXPECT_NE(text.find("#SBATCH --array=0-1%2\n"), std::string::npos);
  EXPECT_NE(text.find("#SBATCH --cpus-per-task=3\n"), std::string::npos);
  EXPECT_EQ(text.find("--gres"), std::string::npos);
  // What Slurm would do for each task.
  program("echo '{}' > \"$2/done.json\"\n");
  for (const char* task : {"0", "1"}) {
    EXPECT_EQ(std::system(("SLURM_ARRAY_TASK_ID=" + std::string(task) + " bash " + job.string()).c_str()), 0);
  }
  for (const RunFolder& run : folders) EXPECT_EQ(state_of(run), RunState::done);
}

TEST_F(ExecutorTest, SaysWhatToDoWithoutSbatch) {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", folder.path().c_str(), 1);
  std::string message;
  try {
    run_on_slurm(runs({"a"}), config, folder.path() / "slurm");
  } catch (const RunError& error) {
    message = error.what();
  }
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_NE(message.find("no `sbatch`"), std::string::npos);
  EXPECT_NE(message.find("--executor local"), std::string::npos);
}

TEST(DefaultJobs, AreAShareOfTheCoresOrOneForEachGpu) {
  EXPECT_GE(default_jobs(1, 0), 1);
  EXPECT_EQ(default_jobs(100000, 0), 1);
  EXPECT_EQ(default_jobs(2, 3), 3);
}

}  // namespace
}  // namespace totum
