#pragma once
// PCL: a mean teacher's pseudo-labels on a strong view of each image, and vectors of voxels drawn to a memory
// of their class.
//
// Source: Alonso et al., Semi-supervised semantic segmentation with pixel-level contrastive learning from a
// class-wise memory bank, ICCV 2021, 8219-8228; its code (Shathe/SemiSeg-Contrastive). There images are
// labelled or not; here a voxel is given (its label names an organ) or open, and every image has both. There
// the schedule counts iterations, N of them; here i/N is the share of epochs k/K, as in all other schedules.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "baselines/partial_pseudo_label.h"
#include "methods/method.h"

namespace totum {

/// r: exp(-5 (1 - share/ramp)²) up to `ramp`, 1 from there on. share k/K of the training so far.
double pseudo_label_ramp(double share, double ramp);

/// Momentum of the teacher after step i: min(1 - 1/(10 i + 1), 1 - .005 (cos(π share) + 1)/2). 0 at the first
/// step, .995 soon, towards 1 at the end.
double pcl_teacher_momentum(std::int64_t iteration, double share);

/// Mean over each image's open voxels of q̂^power·CE(z, ŷ), 0 without any; mean over the images. Weights are
/// not normalised. logits [B,1+C,D,H,W]; scalar.
at::Tensor confident_cross_entropy(const at::Tensor& logits, const PartialPseudoLabel& pseudo, double power);

/// Mean over images and voxels of the entropy of softmax z, as a share of the largest possible, log(1+C).
at::Tensor mean_entropy(const at::Tensor& logits);

/// Options:
///   "views"       1 (default) or 2 strong views of each image; the original has 2
///   "ramp"        0.06: share R of the training after which ClassMix and contrast begin and the ramp is 1;
///                 the memory begins at R/2. The original's 2,000 iterations are as many of the paper's
///                 33,600
///   "bank", "per_image"  256 vectors kept of each class, 2 new ones for each image of a batch: the best by
///                 the class's selector of at most 4,096 voxels, drawn at random where a batch has more
///   "confidence"  0.95, above which the teacher is sure
///   "contrast", "entropy"  weights 0.1 and 0.01; "power" 6, of the pseudo-labels' confidence
///   "classmix"    0.75, its chance
///   "seg"         form of L_seg, as in `proposed`
/// Prediction is the student's.
std::unique_ptr<Method> make_pcl(const MethodSetup& setup, JsonReader options);

}  // namespace totum
