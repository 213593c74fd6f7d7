#include "networks/layers.h"

#include <gtest/gtest.h>

namespace totum {
namespace {

TEST(Proposed, Fidelity2StandardisedWeightHasMeanZeroAndVarianceOne) {
  const at::Tensor weight = standardise_weight(at::arange(8, at::kDouble).view({1, 8, 1, 1, 1})).flatten();
  const std::array<double, 4> golden{0.2041, 0.6124, 1.0206, 1.4289};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(weight[static_cast<std::int64_t>(4 + i)].item<double>(), golden[i], 5e-5);
    EXPECT_NEAR(weight[static_cast<std::int64_t>(3 - i)].item<double>(), -golden[i], 5e-5);
  }
  EXPECT_NEAR(weight.var().item<double>(), 1.0, 1e-9);
}

TEST(StandardiseWeight, GradientEqualsTheNumericalOne) {
  at::Tensor weight = (at::arange(24, at::kDouble) * 0.37).sin().view({2, 12, 1, 1, 1}).requires_grad_();
  const at::Tensor probe = (at::arange(24, at::kDouble) * 0.91).cos().view_as(weight);
  (standardise_weight(weight) * probe).sum().backward();
  constexpr double kStep = 1e-6;
  for (std::int64_t i = 0; i < 24; ++i) {
    at::Tensor up = weight.detach().clone();
    at::Tensor down = weight.detach().clone();
    up.view({-1})[i] += kStep;
    down.view({-1})[i] -= kStep;
    const double numerical =
        ((standardise_weight(up) - standardise_weight(down)) * probe).sum().item<double>() / (2 * kStep);
    EXPECT_NEAR(weight.grad().view({-1})[i].item<double>(), numerical, 1e-8);
  }
}

// Without gradients a batch of one goes straight to oneDNN; the result must be that of the ordinary
// convolution.
TEST(StandardisedConv, BatchOfOneWithoutGradientsEqualsTheOrdinaryPath) {
  StandardisedConv conv(ConvShape{3, 5, 3, 2});
  {
    torch::NoGradGuard no_grad;
    conv->parameters()[0].copy_((at::arange(5 * 3 * 27, at::kFloat) * 0.3).sin().view({5, 3, 3, 3, 3}));
  }
  const at::Tensor x = (at::arange(3 * 8 * 9 * 10, at::kFloat) * 0.01).sin().view({1, 3, 8, 9, 10});
  const at::Tensor ordinary = conv->forward(x).detach();
  torch::NoGradGuard no_grad;
  // Other summation order of 81 terms of size about 1.
  EXPECT_TRUE(at::allclose(conv->forward(x), ordinary, 1e-5, 1e-5));
}

// With gradients a lone small image gets a partner of zeros; values and gradients in float64, which takes the
// ordinary way, are the truth. Sums of up to 1080 terms of size about 1 in float32: 1e-3.
TEST(Convolve, LoneSmallImageHasTheValuesAndGradientsOfTheOrdinaryPath) {
  const auto wave = [](at::IntArrayRef shape, double step) {
    std::int64_t count = 1;
    for (const std::int64_t axis : shape) count *= axis;
    return (at::arange(count, at::kDouble) * step).sin().view(shape);
  };
  for (const std::int64_t stride : {1, 2}) {
    std::vector<std::vector<at::Tensor>> results;
    for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
      const at::Tensor x = wave({1, 3, 8, 9, 10}, 0.01).to(type).requires_grad_();
      const at::Tensor weight = wave({5, 3, 3, 3, 3}, 0.3).to(type).requires_grad_();
      const at::Tensor bias = wave({5}, 0.5).to(type).requires_grad_();
      const at::Tensor y = convolve(x, weight, bias, stride);
      auto result = torch::autograd::grad({(y * wave(y.sizes(), 0.2).to(type)).sum()}, {x, weight, bias});
      result.push_back(y.detach());
      results.push_back(std::move(result));
    }
    for (std::size_t i = 0; i < results[0].size(); ++i) {
      ASSERT_EQ(results[1][i].sizes(), results[0][i].sizes());
      EXPECT_LE((results[1][i].to(at::kDouble) - results[0][i]).abs().max().item<double>(), 1e-3) << i;
    }
  }
}

TEST(ResidualBlock, HasAShortcutOnlyWhereTheShapeChanges) {
  EXPECT_EQ(ResidualBlock(16, 16, 1, 4)->parameters().size(), 6U);
  EXPECT_EQ(ResidualBlock(16, 16, 2, 4)->parameters().size(), 9U);
  EXPECT_EQ(ResidualBlock(16, 32, 1, 4)->parameters().size(), 9U);
}

}  // namespace
}  // namespace totum
