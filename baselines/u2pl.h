#pragma once
// U²PL: the plain network learns from a teacher that follows it, where the teacher is sure; where it is not,
// its vectors are remembered as negatives of the classes that it rules out.
//
// Source: Wang et al., Semi-Supervised Semantic Segmentation Using Unreliable Pseudo-Labels, CVPR 2022; its
// code (Haochen-Wang409/U2PL: train_semi.py, u2pl/utils/loss_helper.py,
// experiments/pascal/1464/ours/config.yaml). Here every image is both labelled (its organs) and unlabelled
// (the rest): L_seg on what the labels say, pseudo-labels on open voxels.

#include <ATen/core/Tensor.h>

#include <memory>

#include "baselines/partial_pseudo_label.h"
#include "methods/method.h"

namespace totum {

/// m of the teacher's update i, counted from the end of the warm-up: min(1 - 1/(i+1), ceiling).
double u2pl_teacher_momentum(std::int64_t i, double ceiling);

/// Epochs without a teacher: `share` of K, rounded, at least 1.
std::int64_t warmup_epochs(double share, std::int64_t epochs);

/// Options: "ema" (.99), "warmup" (1/80 of the epochs), "drop" (.2), "low_rank" (3), "queries" (256),
/// "negatives" (50), "temperature" (.5), "bank" (30000), "bank_background" (50000), "anchor_probability"
/// (.3), "cutmix" (.5); "seg" as in `proposed`. Left out of the original: dropout and batch norm of the head,
/// its ten times higher learning rate, flips and rescaling.
std::unique_ptr<Method> make_u2pl(const MethodSetup& setup, JsonReader options);

}  // namespace totum
