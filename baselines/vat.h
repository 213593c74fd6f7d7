#pragma once
// Virtual adversarial training: the plain network plus a smoothness term on every image, labelled or not. Its
// prediction must not change where the image moves a little in the direction that changes it most.
//
// Source: Miyato et al., Virtual adversarial training: a regularization method for supervised and
// semi-supervised learning, IEEE TPAMI 41 (2019) 1979, Algorithm 1 and Eq. 5-8; sizes of the perturbations
// from public code (lyakaap/VAT-pytorch, vat.py).

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>

#include "methods/method.h"

namespace totum {

/// Local distributional smoothness: KL(p ‖ q), the mean over images and voxels, with p = softmax(logits) and
/// q = softmax(perturbed_logits). Scalar >= 0. The gradient reaches `perturbed_logits` alone: p is a
/// constant. Both [B,1+C,D,H,W]. (The paper and the public code divide by the images only.)
at::Tensor local_distributional_smoothness(const at::Tensor& logits, const at::Tensor& perturbed_logits);

/// Each image divided by its root mean square (plus 1e-12, so an image of zeros stays one). d [B,…].
at::Tensor unit_rms(const at::Tensor& d);

struct VirtualAdversary {
  double xi = 0.1;       // ξ, root mean square of the probe that the gradient is taken at
  double epsilon = 0.1;  // ε, root mean square of the perturbation
  std::int64_t power_iterations = 1;
};

/// The perturbation ε·d of each image that changes the network's output most, to second order: from
/// d = noise, each power iteration sets d to the gradient of KL(p ‖ softmax(forward(image + ξ d))) with
/// respect to d, at root mean square 1. Gradients are taken for d only: no parameter gets one.
///
/// forward  image [B,1,D,H,W] -> logits [B,1+C,D,H,W]
/// logits   forward(image); a constant
/// noise    [B,1,D,H,W], N(0,1)
/// returns  [B,1,D,H,W], detached; root mean square ε for each image, 0 where the network ignores its input
at::Tensor virtual_adversarial_perturbation(const std::function<at::Tensor(const at::Tensor&)>& forward,
                                            const at::Tensor& image, const at::Tensor& logits,
                                            const at::Tensor& noise, const VirtualAdversary& adversary);

/// Options: "weight" α (1) of the smoothness term; "epsilon" (0.1) and "xi" (0.1), root mean squares per
/// voxel in units of the normalised image; "power_iterations" (1); "seg" as in `proposed`. The original's
/// norms are over the whole input, where a ball of radius 8 is 0.14 per component of a 32x32 colour image and
/// 0.005 on a crop of 64x192x192; per voxel they mean the same at every size.
std::unique_ptr<Method> make_vat(const MethodSetup& setup, JsonReader options);

}  // namespace totum
