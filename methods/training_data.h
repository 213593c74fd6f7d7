#pragma once
// The training cases themselves, for methods that estimate or make something from them besides the batches of
// their steps: the same cases and the same labels, nothing else.

#include <cstdint>
#include <string>
#include <vector>

#include "data/sampler/training_image.h"

namespace totum {

/// Looked at through Method::begin_training. Every member is a pure function of its arguments and the run's
/// seed, and may be called from several threads.
class TrainingData {
 public:
  virtual ~TrainingData() = default;
  /// Training cases of a task (index into Split::tasks), sorted; empty if it has none.
  [[nodiscard]] virtual std::vector<std::string> case_ids(std::int64_t task) const = 0;
  /// A whole training case as it was preprocessed, neither padded nor augmented. Throws DataError for a case
  /// that is not for training.
  [[nodiscard]] virtual TrainingImage volume(const std::string& case_id) const = 0;
  /// Crop number `index` >= 0 of a task's own stream: size, place, padding and augmentation as in training,
  /// all cases once before any comes again. Streams with other names are independent of it and of the
  /// batches. Throws DataError if the task has no training case.
  [[nodiscard]] virtual TrainingImage crop(const std::string& stream, std::int64_t task,
                                           std::int64_t index) const = 0;
};

}  // namespace totum
