#include "baselines/partial_pseudo_label.h"

#include <ATen/ATen.h>

namespace totum {

at::Tensor corrected_probability(const at::Tensor& probability, const at::Tensor& label,
                                 const at::Tensor& labelled) {
  TORCH_CHECK(probability.dim() == 5 && label.dim() == 4 && (labelled.dim() == 2 || labelled.dim() == 5),
              "expected probability [B,1+C,D,H,W], label [B,D,H,W] and labelled [B,C] or [B,C,D,H,W]");
  const at::Tensor q = probability.detach();
  const at::Tensor per_voxel =
      labelled.dim() == 5 ? labelled : labelled.unsqueeze(-1).unsqueeze(-1).unsqueeze(-1);
  const at::Tensor possible = at::cat({at::ones_like(per_voxel.narrow(1, 0, 1)), per_voxel.logical_not()}, 1);
  const at::Tensor kept = q * possible.to(q.scalar_type());
  const at::Tensor sum = kept.sum(1, true);  // [B,1,D,H,W]
  at::Tensor background = at::zeros_like(q);
  background.select(1, 0).fill_(1);
  const at::Tensor open = at::where(sum < 1e-6, background, kept / sum.clamp_min(1e-6));
  const at::Tensor one_hot = at::zeros_like(q).scatter_(1, label.unsqueeze(1), 1);
  return at::where(label.unsqueeze(1) > 0, one_hot, open);
}

PartialPseudoLabel partial_pseudo_label(const at::Tensor& probability, const at::Tensor& label,
                                        const at::Tensor& labelled) {
  const at::Tensor q = corrected_probability(probability, label, labelled);
  const auto [confidence, best] = q.max(1);
  return {best, label > 0, confidence, -at::xlogy(q, q).sum(1)};
}

}  // namespace totum
