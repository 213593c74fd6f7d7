#pragma once
// The one interface that every method implements, the proposed one and its rivals alike.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/json_reader.h"
#include "data/batch.h"
#include "data/split.h"

namespace torch::optim {
class Optimizer;
}

namespace totum {

class TrainingData;  // methods/training_data.h

/// Named scalars of one step (detached tensors; the trainer reads them when it logs, so a step never waits
/// for them).
using StepReport = std::vector<std::pair<std::string, at::Tensor>>;

/// Where in the schedule a step is. One epoch of a part is one pass over its training cases; a part that
/// draws its own images has one.
struct StepContext {
  std::int64_t part = 0;       // index into Method::parts()
  std::int64_t iteration = 0;  // of this part, from 0
  std::int64_t epoch = 0;      // k, from 0
  std::int64_t epochs = 1;     // K
};

/// A network that is trained on its own stream of cases and keeps its own best checkpoint.
struct TrainingPart {
  std::string name;  // prefix of this part's entries in visit_state ("ct_a/"), "" for the only part
  std::vector<std::int64_t> tasks = {};  // indices of the tasks whose cases it sees; empty: all tasks
  std::int64_t epochs = 0;               // K of this part; 0: the schedule's
  /// Tasks whose validation cases and organs choose its best weights; empty: `tasks`.
  std::vector<std::int64_t> validation_tasks = {};
  /// Above 0: it draws its own images from TrainingData. Its steps, that many, get empty batches; it isn't
  /// validated, and the weights at its end are what counts.
  std::int64_t own_iterations = 0;
};

/// Visits every tensor, optimiser and counter of a method by name. Checkpoint, resume and hashes come from
/// this alone.
class StateVisitor {
 public:
  virtual ~StateVisitor() = default;
  /// A parameter or buffer; loading copies into it in place.
  virtual void tensor(const std::string& name, at::Tensor& value) = 0;
  virtual void counter(const std::string& name, std::int64_t& value) = 0;
  /// The first `used` rows of a buffer that fills up in training (a memory bank); what lies behind them means
  /// nothing. Only training needs them: they are in a checkpoint, but not among the weights for prediction.
  /// Loading takes as many rows as were saved; `used` must follow from a counter of the same state.
  virtual void rows(const std::string& name, at::Tensor& buffer, std::int64_t used) {
    at::Tensor filled = buffer.narrow(0, 0, used);
    tensor(name, filled);
  }
  /// An optimiser's own state (moments, steps), keyed by the position of its parameters.
  virtual void optimiser(const std::string& name, torch::optim::Optimizer& value) = 0;
};

struct BackboneConfig {
  std::int64_t base_width = 32;  // w, a multiple of 16
  std::int64_t stem_stride = 1;  // 1 as in the paper; 2: first convolution with stride 2, logits upsampled x2
};

struct OptimiserConfig {
  double learning_rate = 5e-4;
  double weight_decay = 5e-5;  // L2, added to the gradient
  double poly_power = 0.9;     // lr(k) = lr (1 - k/K)^power
};

/// All that a method is made from besides its own options.
struct MethodSetup {
  BackboneConfig backbone;
  OptimiserConfig optimiser;
  std::vector<Task> tasks;                                 // Split::tasks
  std::array<std::int64_t, 3> patch_voxels{64, 192, 192};  // D,H,W
  std::int64_t epochs = 600;                               // K
  std::uint64_t seed = 0;
  c10::Device device{c10::kCPU};
};

class Method {
 public:
  virtual ~Method() = default;
  /// Called once in every process that trains, before its first step and after a checkpoint, if there is one,
  /// was loaded. `data` outlives the training. What is made of it here either stands in visit_state, and is
  /// then made only if no checkpoint brought it, or comes out the same every time.
  virtual void begin_training(const TrainingData& /*data*/) {}
  /// One iteration: owns forward, losses, backward and optimiser steps.
  virtual StepReport train_step(const Batch& batch, const StepContext& context) = 0;
  /// Probabilities [B,1+C,D,H,W] (sum 1 over the channels) for patch [B,1,D,H,W].
  virtual at::Tensor predict(const at::Tensor& patch, Modality modality) = 0;
  /// The same from one part alone, organs of other parts with probability 0: what chooses that part's best
  /// checkpoint, so that a part's training depends on no other part.
  virtual at::Tensor predict_part(std::int64_t /*part*/, const at::Tensor& patch, Modality modality) {
    return predict(patch, modality);
  }
  virtual void visit_state(StateVisitor& visitor) = 0;
  [[nodiscard]] virtual std::vector<TrainingPart> parts() const { return {TrainingPart{}}; }
};

/// Reads the method's options strictly (unknown keys are errors) and builds it.
using MethodFactory = std::unique_ptr<Method> (*)(const MethodSetup& setup, JsonReader options);

}  // namespace totum
