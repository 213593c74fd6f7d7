#pragma once
// The two losses of U²PL on pseudo-labels: reliable voxels are learned as they are labelled, unreliable ones
// still tell which classes they are not.
//
// Source: Wang et al., Semi-Supervised Semantic Segmentation Using Unreliable Pseudo-Labels, CVPR 2022,
// section 3; its code (u2pl/utils/loss_helper.py). Terms: a *given* voxel has a label, an *open* one only a
// pseudo-label (partial_pseudo_label.h). M is the number of voxels of all images together.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "baselines/memory_bank.h"

namespace totum {

/// Share of open voxels that count as unreliable in epoch k: drop (1 - k/K). Section 3.2, α_t.
double unreliable_share(double drop, std::int64_t epoch, std::int64_t epochs);

/// Open voxels by the entropy of the teacher, both bool and shaped as the entropy.
struct EntropyMasks {
  at::Tensor low;   // entropy <= its percentile 100·share
  at::Tensor high;  // entropy >= its percentile 100·(1 - share): unreliable
};
/// Percentiles are taken over the open voxels of all images together, as the code does, and are linear
/// between neighbours (numpy's default). entropy [B,D,H,W]; open bool, the same shape.
EntropyMasks split_by_entropy(const at::Tensor& entropy, const at::Tensor& open, double share);

/// L_unsup: mean cross entropy of the reliable open voxels, times open / reliable (the code's weight); 0
/// without any.
///
/// logits [B,1+C,D,H,W]; label [B,D,H,W] int64, pseudo-labels; open, unreliable bool [B,D,H,W]
at::Tensor reliable_cross_entropy(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& open,
                                  const at::Tensor& unreliable);

/// Nearest neighbours: [B,…,D,H,W] of any type -> [B,…,d,h,w], source index floor(i·D/d).
at::Tensor nearest_resized(const at::Tensor& x, at::IntArrayRef size);

/// What the contrast knows of M voxels.
struct ContrastVoxels {
  at::Tensor label;      // [M] int64, truth or pseudo-label
  at::Tensor given;      // [M] bool
  at::Tensor low, high;  // [M] bool, of open voxels (EntropyMasks)
  at::Tensor
      probability;  // [M,1+C] of the teacher: its own at given voxels, the corrected one at open voxels
};

/// Voxels of each class, bool [1+C,M].
struct ContrastMasks {
  at::Tensor positive;  // labelled so, and given or of low entropy: their mean is the positive
  at::Tensor anchor;    // positive, and the teacher gives the class more than `anchor_probability`
  at::Tensor negative;  // surely not of the class, but easily taken for one: they go into the bank
};
/// A given voxel is a negative of another class that is among its `low_rank` most probable ones; an open
/// voxel of high entropy is one of every class that is not (Eq. 11-13). Ties go to the lower class index. The
/// code moreover asks that the voxel be labelled as the class itself, which shuts out all given voxels (its
/// issue 171) and, without dropout, every open voxel of an image that was not mixed; the paper is followed.
/// It has an upper rank of 20 of 21 classes; here the last of 14 is in, which is what the correction leaves
/// for organs that a label rules out.
ContrastMasks contrast_masks(const ContrastVoxels& voxels, double anchor_probability, std::int64_t low_rank);

struct ContrastSettings {
  std::int64_t queries = 256;   // anchors of a class, drawn with replacement
  std::int64_t negatives = 50;  // of each anchor, drawn with replacement from the class's bank
  double temperature = 0.5;
};
struct DrawKey {
  std::uint64_t seed = 0;
  std::int64_t iteration = 0;
};

/// L_con (Eq. 4): for each class, the mean over its anchors of the cross entropy of cosine similarities /
/// temperature between the anchor and its positive (the right answer) and its negatives; the mean over
/// classes that have a positive. A class without an anchor or with an empty bank adds 0; with less than two
/// classes the loss is 0, as in the code.
///
/// student  [M,width], with gradient
/// teacher  [M,width], a constant
/// masks    positive and anchor are used
at::Tensor contrastive_loss(const at::Tensor& student, const at::Tensor& teacher, const ContrastMasks& masks,
                            const MemoryBank& bank, const ContrastSettings& settings, const DrawKey& key);

/// Puts the teacher's vectors [M,width] at each class's negatives into its bank.
void remember_negatives(MemoryBank& bank, const at::Tensor& teacher, const at::Tensor& negative);

}  // namespace totum
