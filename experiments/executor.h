#pragma once
// Starts planned runs as processes of their own: here (local) or as a job array (Slurm).

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/progress.h"
#include "experiments/run_store.h"

namespace totum {

struct ExecutorConfig {
  std::filesystem::path program;  // the program whose command `run` works on a folder
  std::int64_t jobs = 1;          // at once
  std::int64_t threads = 2;       // of each
  std::int64_t devices = 0;       // GPUs to share out, one for each job; 0: none
};

/// How many runs fit at once: max(1, cores / threads), or one for each GPU.
std::int64_t default_jobs(std::int64_t threads, std::int64_t devices);

/// Runs `program run FOLDER` for every folder that is not done, `jobs` at once; the output of each goes to
/// its output.txt. Of one that is done, only what its training left is removed. A run that fails does not
/// stop the others (one that was killed gets an error.json that says so). If this process dies, its workers
/// do. On Ctrl-C the workers stop with a checkpoint and Interrupted is thrown.
void run_locally(const std::vector<RunFolder>& folders, const ExecutorConfig& config, Progress& progress);

/// Writes `folder`/runs.txt and job.sh: a Slurm job array with one task for each run, `jobs` at once.
std::filesystem::path write_slurm_job(const std::vector<RunFolder>& folders, const ExecutorConfig& config,
                                      const std::filesystem::path& folder);
/// Does the same through a job array: writes it for the runs that are not done, submits it with `sbatch
/// --wait`, and waits. Throws RunError if sbatch is missing or refuses.
void run_on_slurm(const std::vector<RunFolder>& folders, const ExecutorConfig& config,
                  const std::filesystem::path& folder);

}  // namespace totum
