#pragma once
// Which organs a training image says something about, from the tasks' own organ lists, so that an organ may
// be labelled in several tasks or in both modalities.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <vector>

#include "data/batch.h"
#include "data/split.h"

namespace totum {

/// The organs of one task's images, as ascending class indices (int64).
struct OrganSets {
  at::Tensor labelled;    // L: the task labels them
  at::Tensor unlabelled;  // U: all others of the 13
  at::Tensor cross;       // X: labelled in the other modality, but by no task of this one
  at::Tensor judged;      // labelled in some task: what AMAN's discriminator sees
  at::Tensor is_aligned;  // [judged] int64, 1(c): 1 if some task of the image's modality labels the organ
};

/// The sets of every task, on the device where the networks are.
class OrganTable {
 public:
  OrganTable(const std::vector<Task>& tasks, const c10::Device& device);
  /// Of image b of the batch.
  [[nodiscard]] const OrganSets& of(const Batch& batch, std::int64_t b) const;
  /// Labels without organs that an image's task does not label: [B,D,H,W] int64 -> the same, 0 there.
  [[nodiscard]] at::Tensor known_labels(const Batch& batch) const;

 private:
  std::vector<OrganSets> sets_;  // by task
  at::Tensor is_known_;          // [tasks,1+C] bool
};

}  // namespace totum
