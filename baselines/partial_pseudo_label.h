#pragma once
// Pseudo-labels for partially labelled images (PaNN, U²PL, PCL): what a label says is kept, what it rules out
// is ruled out, and a teacher decides the rest.

#include <ATen/core/Tensor.h>

namespace totum {

/// One class for every voxel of B images. All [B,D,H,W].
struct PartialPseudoLabel {
  at::Tensor label;       // ŷ int64 in 0..C
  at::Tensor given;       // bool: the label names a labelled organ here; elsewhere the voxel is open
  at::Tensor confidence;  // the corrected probability of ŷ; 1 at given voxels
  at::Tensor entropy;     // -Σ q log q of the corrected probabilities (natural logarithm); 0 at given voxels
};

/// The teacher's probabilities with what the labels say: at a given voxel the labelled organ with probability
/// 1; at an open voxel 0 for every labelled organ, the rest divided by its sum (background where that sum is
/// below 1e-6).
///
/// probability  [B,1+C,D,H,W]
/// label        [B,D,H,W] int64, 0 where background; an organ that is not labelled counts as 0
/// labelled     bool, [B,C] for whole images or [B,C,D,H,W] where images were mixed
/// returns      [B,1+C,D,H,W], without gradient
at::Tensor corrected_probability(const at::Tensor& probability, const at::Tensor& label,
                                 const at::Tensor& labelled);

/// Class, given voxels, confidence and entropy of the corrected probabilities; same arguments.
PartialPseudoLabel partial_pseudo_label(const at::Tensor& probability, const at::Tensor& label,
                                        const at::Tensor& labelled);

}  // namespace totum
