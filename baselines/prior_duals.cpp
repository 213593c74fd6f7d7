#include "baselines/prior_duals.h"

#include <ATen/ATen.h>

#include "baselines/assembly.h"

namespace totum {

namespace {

constexpr double kLargestDual = 14;   // exp(-14) = 8e-7: two voxels of a crop of 64x192x192
constexpr double kSteepestFall = -5;  // of one step, in units of η

}  // namespace

at::Tensor organ_size_prior(const TrainingData& data, const std::vector<Task>& tasks, std::int64_t crops) {
  at::Tensor prior = at::zeros({1 + kOrgans}, at::kDouble);
  const std::vector<std::int64_t> owner = owning_tasks(tasks);
  for (std::int64_t task = 0; task < static_cast<std::int64_t>(tasks.size()); ++task) {
    if (data.case_ids(task).empty()) continue;
    at::Tensor share = at::zeros({1 + kOrgans}, at::kDouble);
    for (std::int64_t i = 0; i < crops; ++i) {
      const at::Tensor label = data.crop("pann/prior", task, i).label.flatten();
      share += at::bincount(label, {}, 1 + kOrgans).to(at::kDouble) / static_cast<double>(label.numel());
    }
    for (std::int64_t organ = 1; organ <= kOrgans; ++organ) {
      if (owner[static_cast<std::size_t>(organ - 1)] == task)
        prior[organ].copy_(share[organ] / static_cast<double>(crops));
    }
  }
  prior[0].copy_(1 - prior.sum());
  return prior.clamp_min(0);
}

PriorDuals start_duals(const at::Tensor& prior) {
  return {prior, (-prior.log()).clamp(0, kLargestDual), (-(1 - prior).log()).clamp(0, kLargestDual)};
}

at::Tensor prior_aware_loss(const at::Tensor& mean_probability, const PriorDuals& duals) {
  const at::Tensor p = mean_probability.to(at::kDouble);
  const at::Tensor inside = 1 + duals.a - p * duals.a.exp();
  const at::Tensor outside = 1 + duals.b - (1 - p) * duals.b.exp();
  return (duals.prior * inside + (1 - duals.prior) * outside).sum();
}

void ascend_duals(PriorDuals& duals, const at::Tensor& mean_probability, double step) {
  const at::Tensor p = mean_probability.detach().to(at::kDouble);
  const auto ascend = [step](at::Tensor& dual, const at::Tensor& mean) {
    dual.add_((1 - mean * dual.exp()).clamp_min(kSteepestFall), step).clamp_(0, kLargestDual);
  };
  ascend(duals.a, p);
  ascend(duals.b, 1 - p);
}

}  // namespace totum
