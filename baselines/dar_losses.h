#pragma once
// Loss of DAR-UNet's segmenter, adapted to partial labels: focal and Dice over the labelled organs and the
// rest.
//
// Source: Yao et al., IEEE JBHI 2022 (published code: stage_2_seg_train.py; there over all classes). Focal
// loss: Lin et al., ICCV 2017.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

namespace totum {

/// One image's logits over the rest and the labelled organs: [1+C,N] -> [1+K,N], the rest's being the log of
/// the sum of exponentials over background and organs that are not labelled. organs [K], class indices.
at::Tensor merge_unlabelled(const at::Tensor& logits, const at::Tensor& organs);

/// Mean over the 1+K channels of the voxel mean of -(1-p)² y log p. Scalar.
at::Tensor partial_focal_loss(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& organs);

struct DarLossTerms {
  at::Tensor focal, dice;  // scalars, summed over the outputs
};

/// Of one image, summed over all outputs: focal, and the mean Dice loss over the labelled organs.
/// outputs each [1+C,N]; label [N] int64; organs [K].
DarLossTerms dar_loss(std::span<const at::Tensor> outputs, const at::Tensor& label, const at::Tensor& organs);

/// Learning rate of an epoch: half a cosine from `base` to a thousandth of it, set once in each epoch.
double cosine_learning_rate(double base, std::int64_t epoch, std::int64_t epochs);

}  // namespace totum
