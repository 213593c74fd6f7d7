#include "baselines/dar_losses.h"

#include <ATen/ATen.h>

#include <cmath>
#include <numbers>

#include "methods/losses.h"

namespace totum {

at::Tensor merge_unlabelled(const at::Tensor& logits, const at::Tensor& organs) {
  const at::Tensor is_rest =
      at::ones({logits.size(0)}, organs.options().dtype(at::kBool)).index_fill(0, organs, false);
  const at::Tensor rest = logits.index({is_rest}).logsumexp(0, true);  // [1,N]
  return at::cat({rest, logits.index_select(0, organs)});
}

namespace {

// log_p [1+L,N] of the rest and of the task's organs.
at::Tensor focal_of(const at::Tensor& log_p, const at::Tensor& target) {
  const at::Tensor own = log_p.gather(0, target.unsqueeze(0));  // [1,N]
  return -((1 - own.exp()).square() * own).mean() / static_cast<double>(log_p.size(0));
}

}  // namespace

at::Tensor partial_focal_loss(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& organs) {
  return focal_of(merge_unlabelled(logits, organs).log_softmax(0), head_target(label, organs));
}

DarLossTerms dar_loss(std::span<const at::Tensor> outputs, const at::Tensor& label,
                      const at::Tensor& organs) {
  const at::Tensor y = organ_maps(label, organs, outputs.front().scalar_type());
  DarLossTerms terms{at::zeros({}, outputs.front().options()), at::zeros({}, outputs.front().options())};
  const at::Tensor target = head_target(label, organs);
  for (const at::Tensor& logits : outputs) {
    const at::Tensor log_p = merge_unlabelled(logits, organs).log_softmax(0);
    terms.focal = terms.focal + focal_of(log_p, target);
    terms.dice = terms.dice + dice_loss(log_p.slice(0, 1).exp(), y).mean();
  }
  return terms;
}

double cosine_learning_rate(double base, std::int64_t epoch, std::int64_t epochs) {
  constexpr double kLastShare = 1e-3;
  const double share = static_cast<double>(epoch) / static_cast<double>(epochs);
  return base * (kLastShare + (1 - kLastShare) * (1 + std::cos(std::numbers::pi * share)) / 2);
}

}  // namespace totum
