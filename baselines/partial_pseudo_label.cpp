#include "baselines/partial_pseudo_label.h"

#include <ATen/ATen.h>

namespace totum {

namespace {

// Which classes a label rules out where it doesn't name them, [B,1+C,…] bool: the labelled organs.
at::Tensor decided_classes(const at::Tensor& labelled) {
  const at::Tensor per_voxel =
      labelled.dim() == 5 ? labelled : labelled.unsqueeze(-1).unsqueeze(-1).unsqueeze(-1);
  return at::cat({at::zeros_like(per_voxel.narrow(1, 0, 1)), per_voxel}, 1);
}

// [B,1,D,H,W] bool. A label that names an organ which is not labelled says nothing.
at::Tensor given_voxels(const at::Tensor& label, const at::Tensor& decided) {
  const auto size = label.sizes();
  return decided.expand({size[0], decided.size(1), size[1], size[2], size[3]}).gather(1, label.unsqueeze(1));
}

}  // namespace

at::Tensor corrected_probability(const at::Tensor& probability, const at::Tensor& label,
                                 const at::Tensor& labelled) {
  TORCH_CHECK(probability.dim() == 5 && label.dim() == 4 && (labelled.dim() == 2 || labelled.dim() == 5),
              "expected probability [B,1+C,D,H,W], label [B,D,H,W] and labelled [B,C] or [B,C,D,H,W]");
  const at::Tensor q = probability.detach();
  const at::Tensor decided = decided_classes(labelled);
  const at::Tensor kept = q.masked_fill(decided, 0);
  const at::Tensor sum = kept.sum(1, true);  // [B,1,D,H,W]
  at::Tensor background = at::zeros_like(q);
  background.select(1, 0).fill_(1);
  const at::Tensor open = at::where(sum < 1e-6, background, kept / sum.clamp_min(1e-6));
  const at::Tensor one_hot = at::zeros_like(q).scatter_(1, label.unsqueeze(1), 1);
  return at::where(given_voxels(label, decided), one_hot, open);
}

PartialPseudoLabel partial_pseudo_label(const at::Tensor& probability, const at::Tensor& label,
                                        const at::Tensor& labelled) {
  const at::Tensor q = corrected_probability(probability, label, labelled);
  const auto [confidence, best] = q.max(1);
  const at::Tensor given = given_voxels(label, decided_classes(labelled)).squeeze(1);
  return {best, given, confidence, -at::xlogy(q, q).sum(1)};
}

}  // namespace totum
