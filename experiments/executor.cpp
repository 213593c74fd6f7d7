#include "experiments/executor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <sstream>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/parallel.h"
#include "experiments/train_log.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

constexpr int kInterruptedStatus = 130;
// How long a thread that waits in a barrier spins before it sleeps. Training of the smoke preset on two
// cores, patches per second alone / beside one busy process: LibTorch's default 19 / 1.4, 5000 spins 18
// / 5.4, no spinning 9.5 / 8.1.
constexpr int kSpins = 5000;
constexpr auto kPoll = std::chrono::milliseconds(100);

// The GPUs that workers may use: those that the user's CUDA_VISIBLE_DEVICES lists, else 0, 1, ….
std::vector<std::string> visible_gpus(std::int64_t devices) {
  const char* listed = std::getenv("CUDA_VISIBLE_DEVICES");
  std::vector<std::string> names;
  std::istringstream list(listed != nullptr ? listed : "");
  for (std::string name; std::getline(list, name, ',');) names.push_back(name);
  for (auto i = static_cast<std::int64_t>(names.size()); i < devices; ++i) names.push_back(std::to_string(i));
  return names;
}

// The environment of a worker: ours, with its threads and its GPU.
std::vector<std::string> worker_environment(const ExecutorConfig& config, std::int64_t slot) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const bool replaced = text.starts_with("OMP_NUM_THREADS=") || text.starts_with("OMP_WAIT_POLICY=") ||
                          text.starts_with("GOMP_SPINCOUNT=") ||
                          (config.devices > 0 && text.starts_with("CUDA_VISIBLE_DEVICES="));
    if (replaced) continue;
    environment.emplace_back(text);
  }
  environment.push_back(fmt::format("OMP_NUM_THREADS={}", config.threads));
  environment.push_back(fmt::format("GOMP_SPINCOUNT={}", kSpins));
  if (config.devices > 0)
    environment.push_back("CUDA_VISIBLE_DEVICES=" +
                          visible_gpus(config.devices).at(static_cast<std::size_t>(slot % config.devices)));
  return environment;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// Between fork and exec only calls that are safe after a fork with threads; all strings are made before.
pid_t start_worker(const RunFolder& folder, const ExecutorConfig& config, std::int64_t slot) {
  std::vector<std::string> arguments{config.program.string(), "run", folder.path.string()};
  std::vector<std::string> environment = worker_environment(config, slot);
  const auto argv = pointers(arguments);
  const auto envp = pointers(environment);
  const std::string output = folder.output().string();
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0)
    throw RunError(fmt::format("no process for {}: {}", folder.path.string(), std::strerror(errno)));
  if (child > 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // whatever is lost since its checkpoint is made again
  if (::getppid() != parent) ::_exit(1);
  const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file >= 0) {
    ::dup2(file, STDOUT_FILENO);
    ::dup2(file, STDERR_FILENO);
  }
  ::execve(argv[0], argv.data(), envp.data());
  ::_exit(127);
}

struct Worker {
  std::size_t run = 0;
  std::int64_t slot = 0;
};

// Share of a run that is trained, in thousandths, from its log.
std::int64_t thousandths(const RunFolder& folder) {
  if (state_of(folder) == RunState::done) return 1000;
  const nlohmann::json line = last_log_line(folder.log(), "total_iterations");
  if (!line.is_object()) return 0;
  return 950 * line.value("done_iterations", std::int64_t{0}) /
         std::max<std::int64_t>(line.value("total_iterations", std::int64_t{1}), 1);
}

// A run that was killed between its done.json and the removal of what it trained with is skipped ever after,
// so here it goes: DAR-UNet's translated volumes are many GB.
void tidy_done_runs(const std::vector<RunFolder>& folders) {
  for (const RunFolder& run : folders) {
    if (state_of(run) != RunState::done) continue;
    if (!fs::exists(run.checkpoint()) && !fs::exists(run.scratch())) continue;
    try {
      const FileLock lock(run.lock());
      remove_leftovers(run);
    } catch (const HeldError&) {  // its own process is about to
    }
  }
}

class LocalExecutor {
 public:
  LocalExecutor(const std::vector<RunFolder>& folders, const ExecutorConfig& config, Progress& progress)
      : folders_(folders), config_(config), progress_(progress) {}

  void run() {
    for (std::size_t i = 0; i < folders_.size(); ++i) {
      if (state_of(folders_[i]) != RunState::done) waiting_.push_back(i);
    }
    if (waiting_.empty()) return;
    todo_ = waiting_;
    progress_.start(fmt::format("{} runs, {} at once", todo_.size(), config_.jobs),
                    static_cast<std::int64_t>(todo_.size()) * 1000);
    std::reverse(waiting_.begin(), waiting_.end());
    for (std::int64_t slot = config_.jobs; slot-- > 0;) free_slots_.push_back(slot);
    while (!waiting_.empty() || !running_.empty()) step();
    if (interrupt_requested())
      throw Interrupted("stopped as asked, every run with a checkpoint; run the same command to continue");
    progress_.finish();
  }

 private:
  void step() {
    if (interrupt_requested()) stop_workers();
    while (!waiting_.empty() && !free_slots_.empty()) {
      const Worker worker{waiting_.back(), free_slots_.back()};
      waiting_.pop_back();
      free_slots_.pop_back();
      running_[start_worker(folders_[worker.run], config_, worker.slot)] = worker;
    }
    bool ended = false;
    for (int status = 0; const pid_t child = next_ended(status);) {
      collect(child, status);
      ended = true;
    }
    if (!ended) std::this_thread::sleep_for(kPoll);
    if (++polls_ % 10 == 0 || ended) show();
  }

  // Only our own children are waited for: the program may have others.
  pid_t next_ended(int& status) const {
    for (const auto& [child, worker] : running_) {
      if (::waitpid(child, &status, WNOHANG) == child) return child;
    }
    return 0;
  }

  void stop_workers() {
    waiting_.clear();
    if (asked_to_stop_) return;
    asked_to_stop_ = true;
    for (const auto& [child, worker] : running_) ::kill(child, SIGTERM);
  }

  void collect(pid_t child, int status) {
    const Worker worker = running_.at(child);
    running_.erase(child);
    free_slots_.push_back(worker.slot);
    const RunFolder& folder = folders_[worker.run];
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == kInterruptedStatus)) return;
    try {
      const FileLock lock(folder.lock());  // what another process works on is its own to judge
      if (!fs::exists(folder.error())) {
        write_json(
            folder.error(),
            {{"error", WIFSIGNALED(status) ? fmt::format("the process was killed by signal {} ({})",
                                                         WTERMSIG(status), ::strsignal(WTERMSIG(status)))
                                           : fmt::format("the process ended with status {}; see output.txt",
                                                         WEXITSTATUS(status))}});
      }
      log_error(fmt::format("{} failed: {}", folder.path.string(), read_error(folder)));
    } catch (const HeldError& held) {
      log_error(held.what());
    }
  }

  void show() {
    std::int64_t done = 0, finished = 0;
    for (const std::size_t i : todo_) {
      const std::int64_t share = thousandths(folders_[i]);
      done += share;
      finished += share == 1000 ? 1 : 0;
    }
    progress_.update(done, fmt::format("{} of {} runs done", finished, todo_.size()));
  }

  const std::vector<RunFolder>& folders_;
  const ExecutorConfig& config_;
  Progress& progress_;
  std::vector<std::size_t> waiting_, todo_;
  std::vector<std::int64_t> free_slots_;
  std::map<pid_t, Worker> running_;
  std::int64_t polls_ = 0;
  bool asked_to_stop_ = false;
};

bool on_path(const char* program) {
  const char* path = std::getenv("PATH");
  std::string rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    if (::access((rest.substr(0, colon) + "/" + program).c_str(), X_OK) == 0) return true;
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  return false;
}

std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

std::int64_t default_jobs(std::int64_t threads, std::int64_t devices) {
  if (devices > 0) return devices;
  const auto cores = std::int64_t{available_cores()};
  return std::max<std::int64_t>(1, cores / std::max<std::int64_t>(threads, 1));
}

void run_locally(const std::vector<RunFolder>& folders, const ExecutorConfig& config, Progress& progress) {
  tidy_done_runs(folders);
  LocalExecutor(folders, config, progress).run();
}

fs::path write_slurm_job(const std::vector<RunFolder>& folders, const ExecutorConfig& config,
                         const fs::path& folder) {
  std::string list;
  for (const RunFolder& run : folders) list += fs::absolute(run.path).lexically_normal().string() + "\n";
  const fs::path runs = fs::absolute(folder).lexically_normal() / "runs.txt";
  write_file_atomically(runs, list);
  const fs::path job = runs.parent_path() / "job.sh";
  write_file_atomically(
      job, fmt::format("#!/bin/bash\n"
                       "#SBATCH --job-name=totum\n"
                       "#SBATCH --array=0-{last}%{jobs}\n"
                       "#SBATCH --cpus-per-task={threads}\n"
                       "{gpu}"
                       "#SBATCH --output=/dev/null\n"
                       "# One task of the array works on one run; a run that is done ends at once.\n"
                       "set -euo pipefail\n"
                       "export OMP_NUM_THREADS={threads}\n"
                       "export GOMP_SPINCOUNT={spins}\n"
                       "run=$(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" {runs})\n"
                       "exec {program} run \"$run\" >> \"$run/output.txt\" 2>&1\n",
                       fmt::arg("last", folders.size() - 1), fmt::arg("jobs", config.jobs),
                       fmt::arg("threads", config.threads), fmt::arg("spins", kSpins),
                       fmt::arg("gpu", config.devices > 0 ? "#SBATCH --gres=gpu:1\n" : ""),
                       fmt::arg("runs", shell_quoted(runs.string())),
                       fmt::arg("program", shell_quoted(config.program.string()))));
  return job;
}

void run_on_slurm(const std::vector<RunFolder>& folders, const ExecutorConfig& config,
                  const fs::path& folder) {
  tidy_done_runs(folders);
  std::vector<RunFolder> todo;
  std::copy_if(folders.begin(), folders.end(), std::back_inserter(todo),
               [](const RunFolder& run) { return state_of(run) != RunState::done; });
  if (todo.empty()) return;
  const fs::path job = write_slurm_job(todo, config, folder);
  if (!on_path("sbatch")) {
    throw RunError(
        fmt::format("--executor slurm: there is no `sbatch` on this machine. The job array is written: {}. "
                    "Submit it on a "
                    "login node and run the same command again afterwards, or use --executor local",
                    job.string()));
  }
  log_info(fmt::format("submitting {} runs: sbatch --wait {}", todo.size(), job.string()));
  const int status = std::system(("sbatch --wait " + shell_quoted(job.string()) + " >&2").c_str());
  stop_if_interrupted("run the same command to continue");
  const bool submitted =
      std::any_of(todo.begin(), todo.end(), [](const RunFolder& run) { return fs::exists(run.output()); });
  if (status != 0 && !submitted)
    throw RunError(fmt::format("sbatch refused {} (status {}); see its message above", job.string(), status));
}

}  // namespace totum
