#include "baselines/dar_losses.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "methods/losses.h"

namespace totum {
namespace {

const at::Tensor kOrgan1 = at::full({1}, 1, at::kLong);

// [3,N]: background, organ 1 (labelled), organ 2 (not labelled)
at::Tensor logits_of(const at::Tensor& probability) { return probability.log(); }

at::Tensor formula(std::int64_t channels, std::int64_t voxels) {
  return 2 * (at::arange(channels * voxels, at::kDouble) * 0.37).sin().view({channels, voxels});
}

at::Tensor total(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& organs) {
  const DarLossTerms terms = dar_loss(std::array{logits}, label, organs);
  return 10 * terms.focal + terms.dice;
}

TEST(DarLosses, TheRestIsBackgroundAndEveryOrganThatIsNotLabelled) {
  const at::Tensor p = at::tensor({0.3, 0.2, 0.5}, at::kDouble).view({3, 1});
  const at::Tensor merged = merge_unlabelled(logits_of(p), kOrgan1).exp();
  EXPECT_NEAR(merged[0][0].item<double>(), 0.8, 1e-12);
  EXPECT_NEAR(merged[1][0].item<double>(), 0.2, 1e-12);
}

// Two channels. A voxel of the rest with p = .8: .2² · -ln .8 = .0089257; one of the organ with p = .2: .8² ·
// -ln .2 = 1.0300403; their mean over the voxels, over 2.
TEST(DarLosses, FocalIsTheMeanOverChannelsAndVoxels) {
  const at::Tensor p = at::tensor({0.3, 0.3, 0.2, 0.2, 0.5, 0.5}, at::kDouble).view({3, 2});
  const at::Tensor label = at::tensor({0, 1}, at::kLong);
  EXPECT_NEAR(partial_focal_loss(logits_of(p), label, kOrgan1).item<double>(), (0.0089257 + 1.0300403) / 4,
              1e-7);
}

TEST(DarLosses, DiceIsTheMeanOverLabelledOrgans) {
  const at::Tensor logits = formula(14, 64);
  const at::Tensor label = at::arange(64, at::kLong) % 4;
  const at::Tensor organs = at::tensor({1, 3}, at::kLong);
  const at::Tensor p = logits.softmax(0);
  double expected = 0;
  for (const std::int64_t c : {1, 3}) {
    const at::Tensor y = (label == c).to(at::kDouble);
    expected +=
        (1 - (2 * (p[c] * y).sum() + 1e-5) / (p[c].square().sum() + y.sum() + 1e-5)).item<double>() / 2;
  }
  EXPECT_NEAR(dar_loss(std::array{logits}, label, organs).dice.item<double>(), expected, 1e-12);
}

TEST(DarLosses, DoNotKnowOrgansThatAreNotLabelledFromBackground) {
  at::Tensor logits = formula(14, 32).requires_grad_();
  const at::Tensor label = at::arange(32, at::kLong) % 3;
  const at::Tensor organs = at::tensor({1, 2}, at::kLong);
  const at::Tensor swapped =
      logits.index_select(0, at::tensor({7, 1, 2, 3, 4, 5, 6, 0, 8, 9, 10, 11, 12, 13}, at::kLong));
  EXPECT_NEAR(total(logits, label, organs).item<double>(), total(swapped, label, organs).item<double>(),
              1e-12);
}

TEST(DarLosses, HaveTheGradientOfTheirDifferences) {
  at::Tensor logits = formula(5, 6).requires_grad_();
  const at::Tensor label = at::tensor({0, 1, 3, 3, 0, 1}, at::kLong);
  const at::Tensor organs = at::tensor({1, 3}, at::kLong);
  total(logits, label, organs).backward();
  const torch::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  for (std::int64_t i = 0; i < logits.numel(); ++i) {
    at::Tensor up = logits.detach().clone(), down = logits.detach().clone();
    up.view(-1)[i] += kStep;
    down.view(-1)[i] -= kStep;
    const double difference =
        (total(up, label, organs) - total(down, label, organs)).item<double>() / (2 * kStep);
    EXPECT_NEAR(logits.grad().view(-1)[i].item<double>(), difference, 1e-8) << i;
  }
}

TEST(DarUnet, Fidelity9TheLossSumsSixOutputs) {
  const at::Tensor label = at::arange(64, at::kLong) % 4;
  const at::Tensor organs = at::tensor({1, 3}, at::kLong);
  std::array<at::Tensor, 6> outputs;
  double focal = 0, dice = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    outputs[i] = static_cast<double>(i) * formula(14, 64);
    const DarLossTerms one = dar_loss(std::span(outputs).subspan(i, 1), label, organs);
    focal += one.focal.item<double>();
    dice += one.dice.item<double>();
  }
  const DarLossTerms all = dar_loss(outputs, label, organs);
  EXPECT_NEAR(all.focal.item<double>(), focal, 1e-12);
  EXPECT_NEAR(all.dice.item<double>(), dice, 1e-12);
  EXPECT_GT(focal, 0);
}

TEST(DarLosses, TheLearningRateFollowsHalfACosine) {
  EXPECT_DOUBLE_EQ(cosine_learning_rate(5e-4, 0, 300), 5e-4);
  EXPECT_NEAR(cosine_learning_rate(5e-4, 150, 300), (5e-4 + 5e-7) / 2, 1e-12);
  EXPECT_NEAR(cosine_learning_rate(5e-4, 300, 300), 5e-7, 1e-12);
}

}  // namespace
}  // namespace totum
