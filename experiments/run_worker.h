#pragma once
// One planned run from beginning to end in this process: what `totum run` does.

#include "core/progress.h"
#include "experiments/run_store.h"

namespace totum {

/// Holds the run's lock; prepares the data (from the cache), trains or continues, evaluates, and writes
/// done.json last. A run that is done is left as it is. A failure is kept in error.json and thrown on; an
/// earlier error.json is removed. Throws RunError if another process holds the run, Interrupted.
void work_on_run(const RunFolder& folder, Progress& progress);

/// From now on LibTorch computes with this many threads, and on a GPU in full float32 (as the published run)
/// with cuDNN's deterministic algorithms, or with those that it measures as fastest: bytes depend on all of
/// these, so they are pinned for a run.
void pin_arithmetic(std::int64_t threads, bool deterministic = true);

}  // namespace totum
