#include "kernels/trilinear.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <vector>

namespace totum {
namespace {

at::Tensor wave(at::IntArrayRef shape, at::ScalarType type) {
  const std::int64_t count = c10::multiply_integers(shape);
  return at::arange(count, at::kDouble).mul(0.7).sin().view(shape).to(type);
}

const std::vector<std::vector<std::int64_t>> kSizes{
    {6, 8, 10}, {3, 4, 5}, {24, 32, 40}, {7, 4, 11}, {3, 13, 5}};

// One axis by hand: two values become four at source positions 0 (clamped), .25, .75 and 1 (clamped).
TEST(UpsampleTrilinear, TwoValuesBecomeFour) {
  const at::Tensor x = at::tensor({0.0, 4.0}, at::kDouble).view({1, 1, 1, 1, 2});
  const at::Tensor y = upsample_trilinear(x, {1, 1, 4}).flatten();
  const std::vector<double> expected{0, 1, 3, 4};
  for (std::int64_t i = 0; i < 4; ++i)
    EXPECT_DOUBLE_EQ(y[i].item<double>(), expected[static_cast<size_t>(i)]);
}

TEST(UpsampleTrilinear, EqualsATenForAnySizeUpAndDown) {
  for (const auto& size : kSizes) {
    for (const auto type : {at::kDouble, at::kFloat}) {
      const at::Tensor x = wave({2, 3, 3, 4, 5}, type);
      const at::Tensor expected = at::upsample_trilinear3d(x, size, false);
      const double tolerance = type == at::kDouble ? 1e-14 : 1e-6;  // a few roundings of values below 1
      EXPECT_LE((upsample_trilinear(x, size) - expected).abs().max().item<double>(), tolerance);
    }
  }
}

TEST(UpsampleTrilinear, ItsGradientIsATens) {
  for (const auto& size : kSizes) {
    const at::Tensor weights = wave({2, 3, size[0], size[1], size[2]}, at::kDouble);
    at::Tensor ours = wave({2, 3, 3, 4, 5}, at::kDouble).requires_grad_();
    at::Tensor theirs = wave({2, 3, 3, 4, 5}, at::kDouble).requires_grad_();
    (upsample_trilinear(ours, size) * weights).sum().backward();
    (at::upsample_trilinear3d(theirs, size, false) * weights).sum().backward();
    EXPECT_LE((ours.grad() - theirs.grad()).abs().max().item<double>(), 1e-12);
  }
}

TEST(UpsampleTrilinear, AStridedInputAndGradientAreRead) {
  const at::Tensor x = wave({2, 4, 5, 3, 3}, at::kDouble).permute({0, 4, 1, 2, 3});
  EXPECT_LE((upsample_trilinear(x, {8, 10, 6}) - at::upsample_trilinear3d(x, {8, 10, 6}, false))
                .abs()
                .max()
                .item<double>(),
            1e-14);
  at::Tensor leaf = at::ones({1, 1, 2, 2, 2}, at::kDouble).requires_grad_();
  upsample_trilinear(leaf, {4, 4, 4}).sum().backward();  // sum's gradient is an expanded scalar
  EXPECT_LE((leaf.grad() - 8).abs().max().item<double>(), 1e-14);
}

TEST(UpsampleTrilinear, AnyNumberOfThreadsGivesTheSameBytes) {
  const int threads = at::get_num_threads();
  std::vector<at::Tensor> results;
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    at::Tensor x = wave({2, 3, 6, 8, 10}, at::kFloat).requires_grad_();
    const at::Tensor y = upsample_trilinear(x, {12, 16, 20});
    (y * y).sum().backward();
    results.push_back(at::cat({y.detach().flatten(), x.grad().flatten()}));
  }
  at::set_num_threads(threads);
  EXPECT_TRUE(results[0].equal(results[1]));
  EXPECT_TRUE(results[0].equal(results[2]));
}

TEST(UpsampleTrilinear, RefusesASecondDerivativeAndAWrongShape) {
  at::Tensor x = wave({1, 1, 2, 2, 2}, at::kDouble).requires_grad_();
  const at::Tensor y = upsample_trilinear(x, {4, 4, 4}).square().sum();
  EXPECT_THROW(torch::autograd::grad({y}, {x}, {}, true, true), c10::Error);
  EXPECT_THROW(upsample_trilinear(x[0], {4, 4, 4}), c10::Error);
}

TEST(UpsampleTrilinear, AnEmptyBatchStaysEmpty) {
  EXPECT_EQ(upsample_trilinear(at::zeros({0, 2, 2, 2, 2}), {4, 4, 4}).sizes(),
            at::IntArrayRef({0, 2, 4, 4, 4}));
}

}  // namespace
}  // namespace totum
