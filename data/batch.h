#pragma once
// What a method gets to see in one iteration.

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "data/organs.h"
#include "data/split.h"
#include "data/volume.h"

namespace totum {

/// Where a patch was cut: what another image on the grid of the same case is cut and augmented by.
struct PatchPlace {
  Shape3 start{0, 0, 0};   // D,H,W
  std::int64_t epoch = 0;  // of the stream of batches
};

/// B patches with their partial labels. Labels of organs that the task does not label are erased here, where
/// the batch is made, so no method can see them (unless its registry entry declares full supervision).
struct Batch {
  at::Tensor image;                                // [B,1,D,H,W] float32, normalised
  at::Tensor label;                                // [B,D,H,W] int64, 0 where background or not labelled
  at::Tensor labelled;                             // [B,C] bool, is organ c+1 labelled for this image's task
  at::Tensor atlas;                                // [B,C,D,H,W] float32 in [0,1]
  std::vector<Modality> modality;                  // [B]
  std::vector<std::int64_t> task;                  // [B] index into Split::tasks
  std::vector<std::string> case_id;                // [B]
  Supervision supervision = Supervision::partial;  // full: `label` and `labelled` hold all organs
  std::vector<PatchPlace> place;                   // [B]
};

}  // namespace totum
