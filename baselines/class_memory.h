#pragma once
// PCL's memory: for each class the newest vectors that a teacher projected from voxels it was right and sure
// about.
//
// Source: Alonso et al., ICCV 2021, section 3.2; its code (utils/feature_memory.py). That code sorts the
// scores of the selector in ascending order and so keeps the vectors it rates lowest, against its own comment
// and the paper; here the highest are kept.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <string>
#include <vector>

#include "methods/method.h"
#include "networks/contrast_heads.h"

namespace totum {

class ClassMemory {
 public:
  ClassMemory(std::int64_t classes, std::int64_t capacity, const c10::Device& device);

  /// Vectors of one class, newest first: [n,256], n at most the capacity.
  [[nodiscard]] at::Tensor of(std::int64_t of_class) const;
  /// Puts vectors [n,256] in front of the class's own; what no longer fits is forgotten. Without gradient.
  void add(std::int64_t of_class, const at::Tensor& vectors);
  void visit_state(StateVisitor& visitor, const std::string& prefix);

 private:
  at::Tensor vectors_;  // [classes,capacity,256] float32
  at::Tensor counts_;   // [classes] int64 on the host
};

/// The class for which each voxel may enter the memory: that of the label (background where the corrected
/// pseudo-label says so) if the teacher finds it too, with a probability above `confidence`; else -1.
///
/// probability  [B,1+C,D,H,W] of the teacher, not corrected
/// label        [B,D,H,W] int64, the pseudo-label ŷ;  given [B,D,H,W] bool, voxels that the label decides
/// returns      [B,D,H,W] int64 in -1..C
at::Tensor trusted_classes(const at::Tensor& probability, const at::Tensor& label, const at::Tensor& given,
                           double confidence);

/// Projects the features it is given (PCL: of at most 4,096 trusted voxels of each class) and remembers of
/// each class the `most` vectors that its feature selector scores highest; all of them, in the order given,
/// where there are no more. Fewer than two vectors are skipped (batch norm).
///
/// teacher   its heads, in training mode: batch norm takes the statistics of these vectors
/// features  [N,2w], ordered by class; counts[c] of class c
void remember(ClassMemory& memory, ContrastHeads& teacher, const at::Tensor& features,
              const std::vector<std::int64_t>& counts, std::int64_t most);

}  // namespace totum
