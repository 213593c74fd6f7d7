#include "methods/losses.h"

#include <ATen/ATen.h>

#include <limits>

#include "kernels/dice.h"

namespace totum {

namespace {

constexpr double kLogFloor = -100.0;

// Softmax in pieces: exp(z - max) and the logarithm of its sum, both without overflow.
struct Softmax {
  at::Tensor shifted;      // z - max, [1+C,N]
  at::Tensor exponential;  // exp(z - max), [1+C,N]
  at::Tensor log_sum;      // [N]
};

Softmax softmax_parts(const at::Tensor& logits) {
  Softmax parts;
  parts.shifted = logits - std::get<0>(logits.detach().max(0, true));
  parts.exponential = parts.shifted.exp();
  parts.log_sum = parts.exponential.sum(0).log();
  return parts;
}

// log(x) - log_sum, at least -100; a sum x that has underflowed counts as -100.
at::Tensor floored_log(const at::Tensor& x, const at::Tensor& log_sum) {
  const double tiny = x.scalar_type() == at::kDouble ? std::numeric_limits<double>::min()
                                                     : static_cast<double>(std::numeric_limits<float>::min());
  const at::Tensor log_x = (x.clamp_min(tiny).log() - log_sum).clamp_min(kLogFloor);
  return at::where(x > tiny, log_x, at::full({}, kLogFloor, x.options()));
}

}  // namespace

at::Tensor dice_loss(const at::Tensor& p, const at::Tensor& y) { return masked_dice(p, y, {}, kDiceEpsilon); }

at::Tensor dice_loss(const at::Tensor& p, const at::Tensor& y, const at::Tensor& mask) {
  return masked_dice(p, y, mask, kDiceEpsilon);
}

at::Tensor organ_maps(const at::Tensor& label, const at::Tensor& organs, at::ScalarType type) {
  return (label.unsqueeze(0) == organs.unsqueeze(1)).to(type);
}

at::Tensor binary_cross_entropy(const at::Tensor& logits, const at::Tensor& organs, const at::Tensor& y) {
  const Softmax parts = softmax_parts(logits);
  const at::Tensor log_p = (parts.shifted.index_select(0, organs) - parts.log_sum).clamp_min(kLogFloor);
  // Σ over the other channels, as a sum of positive terms: 1 - p would lose all digits where p is near 1.
  at::Tensor others = at::ones({organs.size(0), logits.size(0)}, logits.options());
  others.scatter_(1, organs.unsqueeze(1), 0.0);
  const at::Tensor log_not_p = floored_log(others.matmul(parts.exponential), parts.log_sum);
  return -(y * log_p + (1 - y) * log_not_p).mean(1);
}

at::Tensor sigmoid_cross_entropy(const at::Tensor& logits, const at::Tensor& y) {
  return at::binary_cross_entropy_with_logits(logits, y, {}, {}, at::Reduction::None).mean(1);
}

at::Tensor marginal_cross_entropy(const at::Tensor& logits, const at::Tensor& organs, const at::Tensor& y) {
  const Softmax parts = softmax_parts(logits);
  const at::Tensor log_p = (parts.shifted.index_select(0, organs) - parts.log_sum).clamp_min(kLogFloor);
  at::Tensor rest_channels = at::ones({logits.size(0)}, logits.options());
  rest_channels.index_fill_(0, organs, 0.0);
  const at::Tensor log_rest = floored_log(rest_channels.matmul(parts.exponential), parts.log_sum);
  return -((y * log_p).sum(0) + (1 - y.sum(0)) * log_rest).mean();
}

SegmentationLossForm read_segmentation_form(JsonReader seg) {
  std::string dice = "mean";
  std::string ce = "binary";
  seg.optional("dice", dice, one_of({"mean", "fourteenth"}));
  seg.optional("ce", ce, one_of({"binary", "marginal"}));
  seg.no_more_keys();
  return {dice == "fourteenth", ce == "marginal"};
}

at::Tensor segmentation_loss(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& organs,
                             const SegmentationLossForm& form) {
  const at::Tensor y = organ_maps(label, organs, logits.scalar_type());
  const at::Tensor dice = dice_loss(logits.softmax(0).index_select(0, organs), y);
  const at::Tensor dice_term =
      form.dice_over_fourteen ? dice.sum() / static_cast<double>(logits.size(0)) : dice.mean();
  const at::Tensor entropy_term = form.marginal_cross_entropy ? marginal_cross_entropy(logits, organs, y)
                                                              : binary_cross_entropy(logits, organs, y).sum();
  return dice_term + entropy_term;
}

at::Tensor head_target(const at::Tensor& label, const at::Tensor& organs) {
  at::Tensor position = at::zeros({64}, organs.options());  // by class index; 64 > 13 organs
  position.scatter_(0, organs, at::arange(1, organs.size(0) + 1, organs.options()));
  return position.index_select(0, label.flatten()).view_as(label);
}

at::Tensor full_label_loss(const at::Tensor& logits, const at::Tensor& target) {
  const at::Tensor log_p = logits.log_softmax(0);
  const at::Tensor y = organ_maps(target, at::arange(logits.size(0), target.options()), logits.scalar_type());
  const at::Tensor entropy = -(y * log_p).sum(0).mean();
  return dice_loss(log_p.exp(), y).mean() + entropy;
}

at::Tensor confidence_mask(const at::Tensor& pseudo, double margin) {
  if (margin <= 0) return at::ones_like(pseudo);
  return at::logical_or(pseudo > 1 - margin, pseudo < margin).to(pseudo.scalar_type());
}

at::Tensor pseudo_label_loss(const at::Tensor& p, const PseudoLabel& pseudo) {
  if (p.size(0) == 0) return at::zeros({}, p.options());
  return dice_loss(p, pseudo.map, pseudo.mask).mean();
}

}  // namespace totum
