#pragma once
// The Dice loss of many maps in one pass over memory. Written with ATen it makes five full-size intermediate
// tensors and as many gradients; the losses of the proposed method need it for each organ at four scales.

#include <ATen/core/Tensor.h>

namespace totum {

/// Dice loss of each row with squared denominators, 1 - (2 Σ p y + ε) / (Σ p² + Σ y² + ε), over the voxels
/// where mask is 1.
///
/// p, y     [K,N] float32 or float64; only p has a gradient (TORCH_CHECK that y needs none)
/// mask     [K,N] of the same type, 0 or 1; undefined: all voxels
/// returns  [K]
///
/// Sums have one order, so any number of threads gives the same bytes, and a GPU repeats them; other types
/// and devices take `masked_dice_by_aten`, the definition. Has a first derivative, not a second
/// (TORCH_CHECK). Source of the loss: the published code's loss_partial.py, DiceLoss.
at::Tensor masked_dice(const at::Tensor& p, const at::Tensor& y, const at::Tensor& mask, double epsilon);

/// The same in plain ATen: the definition that the fused one is tested against.
at::Tensor masked_dice_by_aten(const at::Tensor& p, const at::Tensor& y, const at::Tensor& mask,
                               double epsilon);

}  // namespace totum
