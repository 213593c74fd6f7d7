#pragma once
// One trainer for all methods: steps, validation, the best model, checkpoints, the log.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/interrupt.h"
#include "core/progress.h"
#include "data/prepare.h"
#include "experiments/plan.h"
#include "methods/method.h"

namespace totum {

/// What one training works on. References live longer than the call.
struct TrainingJob {
  const RunRecord& record;
  const PreparedDataset& data;
  std::filesystem::path folder;  // of the run
  /// Asked between two steps: true stops with a checkpoint and throws Interrupted.
  std::function<bool()> should_stop = interrupt_requested;
};

/// What a training did, counted: the same for every repetition. count_multiply_adds() observes the first step
/// of every epoch; the others of an epoch are taken to be like it. What a method makes once and keeps
/// (DAR-UNet's translated volumes) is not counted.
struct TrainingWork {
  std::int64_t iterations = 0;                     // of all parts together
  std::map<std::string, std::int64_t> optimisers;  // steps that each optimiser's own state counts
  std::int64_t observed_iterations = 0;
  double multiply_adds = 0;  // of all iterations
};

struct TrainingSummary {
  std::int64_t patches = 0;     // that all parts saw together, but for those that draw their own images
  std::int64_t parameters = 0;  // trainable scalars in the method's state
  double training_s = 0;        // over all processes that worked on it
  std::int64_t peak_memory_bytes = 0;  // of the largest of these processes
  std::vector<double> best_sums;       // of each part that is validated: see selection_sum()
  TrainingWork work;
};

/// Trains all parts of the method one after the other, from the folder's checkpoint if there is one, and
/// leaves the method with the best weights of each part (best.safetensors). Each part (but one that draws its
/// own images) is validated on the network grid after every `validate_every_epochs` epochs and at its end;
/// the first of equal sums is kept.
///
/// On the CPU, training that was stopped or killed at any moment and continued ends with the same bytes as
/// one that was not; so does log.jsonl but for the times and memory in it. Throws Interrupted, and RunError
/// that names the loss if one is no longer finite: at every iteration on the CPU; on a GPU where losses are
/// logged, at the last iteration and before every validation and checkpoint. A checkpoint moreover holds no
/// tensor and no moment of an optimiser that is not finite.
TrainingSummary train(Method& method, const TrainingJob& job, Progress& progress);

/// A warning for each part that never found an organ in its validations. best_sums: of the parts that are
/// validated, in their order, as in TrainingSummary.
std::vector<std::string> blind_parts(const std::vector<TrainingPart>& parts,
                                     const std::vector<double>& best_sums);

}  // namespace totum
