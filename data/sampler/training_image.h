#pragma once
// One crop of a training image, with what may be seen of its labels.

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "data/prepare.h"

namespace totum {

/// Labels of organs that the task does not label are 0, unless supervision is full.
struct TrainingImage {
  at::Tensor image;     // [D,H,W] float32, normalised
  at::Tensor label;     // [D,H,W] int64, 0 where background or not labelled
  at::Tensor labelled;  // [C] bool, is organ c+1 labelled
  Modality modality = Modality::ct;
  std::int64_t task = 0;  // index into Split::tasks
  std::string case_id;
};

}  // namespace totum
