#pragma once
// PaNN's prior-aware term: the average predicted size of every class should be that of a prior. In its
// min-max form, since the mean over a batch inside a logarithm would be a biased estimate of the mean over
// all images.
//
// Source: Zhou et al., Prior-aware neural network for partially-supervised multi-organ segmentation, ICCV
// 2019, section 3.2, stochastic primal-dual gradient; starting values from public code
// (jizongFox/deep-clustering-toolbox, playground/PaNN).

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "methods/training_data.h"

namespace totum {

/// q [1+C] float64: the mean share of each organ in `crops` crops of the task that owns it (the first that
/// labels it), background the rest. 0 for an organ that no task with training cases owns. (The original takes
/// q from fully labelled images, of which there are none here.)
at::Tensor organ_size_prior(const TrainingData& data, const std::vector<Task>& tasks, std::int64_t crops);

/// A prior q and the logarithms of its dual variables, ν = -exp(a) and μ = -exp(b). All [1+C] float64.
struct PriorDuals {
  at::Tensor prior;
  at::Tensor a;
  at::Tensor b;
};

/// Duals at their optimum for mean predictions that equal the prior: a = -log q and b = -log(1 - q), both in
/// [0, 14].
PriorDuals start_duals(const at::Tensor& prior);

/// J_C = Σ_l q_l (p̄_l ν_l + 1 + log(-ν_l)) + (1 - q_l) ((1 - p̄_l) μ_l + 1 + log(-μ_l)). Its maximum over the
/// duals is -Σ_l q_l log p̄_l + (1 - q_l) log(1 - p̄_l), as -log α = max over β < 0 of αβ + 1 + log(-β). Linear
/// in p̄ [1+C], the mean of the probabilities over images and voxels; the gradient reaches p̄ alone. Scalar.
at::Tensor prior_aware_loss(const at::Tensor& mean_probability, const PriorDuals& duals);

/// One ascent step: a += η max(-5, 1 - p̄ exp(a)), b += η max(-5, 1 - (1 - p̄) exp(b)), both kept in [0, 14].
/// That is the gradient of J_C with respect to a and b without its factors q and 1 - q; ascent in ν itself,
/// as in the original, would need steps from 1 to 10^8 for organs of these sizes.
void ascend_duals(PriorDuals& duals, const at::Tensor& mean_probability, double step);

}  // namespace totum
