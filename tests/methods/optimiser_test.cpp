#include "methods/optimiser.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace totum {
namespace {

// Decayed before each step, at a rate that changes as in training, Adam is LibTorch's own AdamW.
TEST(DecayWeights, MakesAdamWOfAdam) {
  constexpr double kDecay = 0.1;
  const at::Tensor start = at::linspace(-2, 3, 12, at::kDouble);
  at::Tensor ours = start.clone().requires_grad_();
  at::Tensor theirs = start.clone().requires_grad_();
  const auto adam = make_adam({ours}, {1e-2, 0.0});
  torch::optim::AdamW adam_w({theirs}, torch::optim::AdamWOptions(1e-2).weight_decay(kDecay));
  for (std::int64_t step = 0; step < 5; ++step) {
    const double rate = poly_learning_rate(1e-2, step, 5, 0.9);
    const at::Tensor gradient = (at::arange(12, at::kDouble) * (step + 1)).sin();
    ours.mutable_grad() = gradient.clone();
    theirs.mutable_grad() = gradient.clone();
    set_learning_rate(*adam, rate);
    static_cast<torch::optim::AdamWOptions&>(adam_w.param_groups()[0].options()).lr(rate);
    decay_weights(*adam, rate * kDecay);
    adam->step();
    adam_w.step();
    EXPECT_LE((ours - theirs).abs().max().item<double>(), 1e-14) << step;
  }
  EXPECT_GT((ours - start).abs().max().item<double>(), 1e-2);
}

}  // namespace
}  // namespace totum
