#pragma once
// Losses for partially labelled images, each for one image alone; the caller averages over the batch.
// Background and organs that the task does not label get no target of their own. Sources: paper section 2;
// the published code's loss_partial.py and losses.py where it says more.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/json_reader.h"

namespace totum {

inline constexpr double kDiceEpsilon = 1e-5;

/// Dice loss of each row over its voxels, squared denominators: 1 - (2 Σ p y + ε) / (Σ p² + Σ y² + ε).
/// p, y [K,N]; returns [K].
at::Tensor dice_loss(const at::Tensor& p, const at::Tensor& y);
/// The same over the voxels where mask [K,N] (0 or 1) is 1; a row without such a voxel gives 0.
at::Tensor dice_loss(const at::Tensor& p, const at::Tensor& y, const at::Tensor& mask);

/// Binary label maps of the given organs: label [N] int64 -> [K,N] of `type`. organs [K] int64, class
/// indices 1..13.
at::Tensor organ_maps(const at::Tensor& label, const at::Tensor& organs, at::ScalarType type);

/// Voxel-mean binary cross entropy of softmax channels, from logits without loss of precision, logs clamped
/// at -100. logits [1+C,N]; organs [K]; y [K,N]; returns [K].
at::Tensor binary_cross_entropy(const at::Tensor& logits, const at::Tensor& organs, const at::Tensor& y);

/// Voxel-mean binary cross entropy of sigmoid outputs, each channel for itself. logits, y [K,N]; returns [K].
at::Tensor sigmoid_cross_entropy(const at::Tensor& logits, const at::Tensor& y);

/// Voxel-mean cross entropy over the labelled organs and the rest: probability of rest = 1 - Σ p_c. Scalar.
at::Tensor marginal_cross_entropy(const at::Tensor& logits, const at::Tensor& organs, const at::Tensor& y);

struct SegmentationLossForm {
  bool dice_over_fourteen = false;      // CODE: Σ Dice / 14; PAPER: mean over L
  bool marginal_cross_entropy = false;  // in place of the binary ones
};
/// Options "seg": {"dice": "mean"|"fourteenth", "ce": "binary"|"marginal"}.
SegmentationLossForm read_segmentation_form(JsonReader seg);

/// L_seg of one image: Dice over the labelled organs plus the sum of their binary cross entropies.
/// logits [1+C,N], label [N] int64, organs [K] (labelled class indices). Scalar.
at::Tensor segmentation_loss(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& organs,
                             const SegmentationLossForm& form);

/// L_head of a softmax head that owns its organs, everything else being its background: mean Dice over |L|+1
/// channels plus voxel-mean cross entropy. logits [|L|+1,N]; target [N] int64 in 0..|L|. Scalar.
at::Tensor full_label_loss(const at::Tensor& logits, const at::Tensor& target);

/// Position of a voxel's organ in `organs` plus 1, or 0: label [N] -> [N] int64 in 0..K.
at::Tensor head_target(const at::Tensor& label, const at::Tensor& organs);

/// Mask of voxels that a pseudo-label is sure about: > 1 - margin or < margin. All ones for margin 0.
at::Tensor confidence_mask(const at::Tensor& pseudo, double margin);

/// Pseudo-labels of one image's unlabelled organs.
struct PseudoLabel {
  at::Tensor map;   // ŷ [K,N], soft or hard
  at::Tensor mask;  // M [K,N] in {0,1}: voxels that count
};

/// L_pseudo of one image, and each scale of L_proto: mean over the unlabelled organs of Dice on confident
/// voxels; 0 if there is no such organ. p [K,N]. Scalar.
at::Tensor pseudo_label_loss(const at::Tensor& p, const PseudoLabel& pseudo);

}  // namespace totum
