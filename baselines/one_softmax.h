#pragma once
// What rivals with one softmax over background and all organs share: the segmentation loss of the proposed
// method, over a batch.

#include <ATen/core/Tensor.h>

#include <vector>

#include "data/batch.h"
#include "methods/losses.h"

namespace totum {

/// L_seg of each image alone, averaged over the batch. logits [B,1+C,D,H,W]; organs by task, [|L_t|] each.
at::Tensor mean_segmentation_loss(const at::Tensor& logits, const Batch& batch,
                                  const std::vector<at::Tensor>& organs, const SegmentationLossForm& form);

}  // namespace totum
