#pragma once
// PaNN: the prior-aware network. A frozen copy of the network labels what the labels leave open, and the
// average predicted size of every organ is pulled to a prior.
//
// Source: Zhou et al., Prior-aware neural network for partially-supervised multi-organ segmentation, ICCV
// 2019: J = J_L + λ1 J_P + λ2 J_C. The original has fully labelled images besides; here no image is, so that
// the prior of each organ comes from the task that labels it and the labeller from the partially labelled
// images.

#include <memory>

#include "methods/method.h"

namespace totum {

/// Options: "lambda_pseudo" λ1 (1) of the pseudo-labels, "lambda_prior" λ2 (0.1) of the prior-aware term,
/// "dual_step" η (0.02) of its dual variables, "prior_crops" (200) for each task that the prior is estimated
/// from, "stages" ([0.25, 0.5, 0.75]) shares of the epochs at which the frozen labeller becomes a copy of the
/// network: before the first, both terms are off. "seg" as in `proposed`.
std::unique_ptr<Method> make_pann(const MethodSetup& setup, JsonReader options);

}  // namespace totum
