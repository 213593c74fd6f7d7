#pragma once
// What rivals with one softmax over background and all organs share: the segmentation loss of the proposed
// method, with its switches.

#include <ATen/core/Tensor.h>

#include <vector>

#include "core/json_reader.h"
#include "data/batch.h"
#include "methods/losses.h"

namespace totum {

/// "seg": {"dice": "mean"|"fourteenth", "ce": "binary"|"marginal"}, keys and defaults as in `proposed`.
SegmentationLossForm read_segmentation_form(JsonReader& options);

/// L_seg of each image alone, averaged over the batch. logits [B,1+C,D,H,W]; organs by task, [|L_t|] each.
at::Tensor mean_segmentation_loss(const at::Tensor& logits, const Batch& batch,
                                  const std::vector<at::Tensor>& organs, const SegmentationLossForm& form);

}  // namespace totum
