#pragma once
// The training cases themselves, for methods that estimate or make something from them besides the batches of
// their steps: the same cases and the same labels, nothing else.

#include <cstdint>
#include <filesystem>
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
  /// The grid of a training case as it was preprocessed. Throws DataError for a case that is not for
  /// training.
  [[nodiscard]] virtual const Geometry& geometry(const std::string& case_id) const = 0;
  /// Axial slices z .. z + count - 1 of its image, [count,H,W] float32, neither padded nor augmented, without
  /// reading the others. Throws as geometry() does.
  [[nodiscard]] virtual at::Tensor slices(const std::string& case_id, std::int64_t z,
                                          std::int64_t count) const = 0;
  /// Crop number `index` >= 0 of a task's own stream: size, place, padding and augmentation as in training,
  /// all cases once before any comes again. Streams with other names are independent of it and of the
  /// batches. Throws DataError if the task has no training case.
  [[nodiscard]] virtual TrainingImage crop(const std::string& stream, std::int64_t task,
                                           std::int64_t index) const = 0;
  /// Augments another image's patch [D,H,W] of the same case and place in place, as the batches' patch was.
  virtual void augment(at::Tensor& patch, const std::string& case_id, std::int64_t epoch) const = 0;
  /// A folder for files that can be made again from the method's state; removed when the run is done.
  [[nodiscard]] virtual std::filesystem::path scratch_folder() const = 0;
  /// A folder for files that a user may want to look at; it stays.
  [[nodiscard]] virtual std::filesystem::path gallery_folder() const = 0;
};

}  // namespace totum
