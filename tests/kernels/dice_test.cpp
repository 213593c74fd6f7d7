#include "kernels/dice.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <vector>

namespace totum {
namespace {

constexpr double kEpsilon = 1e-5;

struct Maps {
  at::Tensor p, y, mask;
};

// Sizes that are no multiple of lanes or chunks of the kernel; the last row's mask is empty.
Maps maps(std::int64_t voxels, at::ScalarType type) {
  const at::Tensor i = at::arange(3 * voxels, at::kDouble).view({3, voxels});
  at::Tensor mask = (i.mul(1.7).sin() > -0.3).to(type);
  mask[2].zero_();
  return {i.mul(0.3).sin().mul(0.5).add(0.5).to(type), (i.mul(0.11).sin() > 0).to(type), mask};
}

// methods.md, golden numbers: p = (.8,.6,.1,.3), y = (1,1,0,0): D = .0968.
TEST(MaskedDice, FourVoxelsByHand) {
  const at::Tensor p = at::tensor({0.8, 0.6, 0.1, 0.3}, at::kDouble).view({1, 4});
  const at::Tensor y = at::tensor({1.0, 1.0, 0.0, 0.0}, at::kDouble).view({1, 4});
  const double all = 1 - (2 * 1.4 + kEpsilon) / (1.1 + 2 + kEpsilon);
  EXPECT_NEAR(masked_dice(p, y, {}, kEpsilon).item<double>(), all, 1e-15);
  EXPECT_NEAR(all, 0.0968, 5e-5);
  const at::Tensor mask = at::tensor({1.0, 0.0, 1.0, 0.0}, at::kDouble).view({1, 4});
  EXPECT_NEAR(masked_dice(p, y, mask, kEpsilon).item<double>(),
              1 - (2 * 0.8 + kEpsilon) / (0.65 + 1 + kEpsilon), 1e-15);
}

TEST(MaskedDice, ARowWithoutAVoxelHasNoLossAndNoGradient) {
  Maps m = maps(100, at::kDouble);
  m.p.requires_grad_();
  const at::Tensor loss = masked_dice(m.p, m.y, m.mask, kEpsilon);
  EXPECT_EQ(loss[2].item<double>(), 0.0);
  loss.sum().backward();
  EXPECT_EQ(m.p.grad()[2].abs().max().item<double>(), 0.0);
}

TEST(MaskedDice, EqualsItsDefinitionInATenWithGradient) {
  for (const std::int64_t voxels : {1, 15, 16, 2048, 5001}) {
    for (const bool masked : {false, true}) {
      const Maps m = maps(voxels, at::kDouble);
      const at::Tensor mask = masked ? m.mask : at::Tensor();
      const at::Tensor weight = at::tensor({0.5, -2.0, 3.0}, at::kDouble);
      at::Tensor fused = m.p.clone().requires_grad_();
      at::Tensor plain = m.p.clone().requires_grad_();
      const at::Tensor loss = masked_dice(fused, m.y, mask, kEpsilon);
      const at::Tensor expected = masked_dice_by_aten(plain, m.y, mask, kEpsilon);
      EXPECT_LE((loss - expected).abs().max().item<double>(), 1e-13);
      (loss * weight).sum().backward();
      (expected * weight).sum().backward();
      EXPECT_LE((fused.grad() - plain.grad()).abs().max().item<double>(), 1e-13) << voxels << masked;
    }
  }
}

// Float sums of 2048 values have relative errors of about 2048 / 16 roundings of 6e-8.
TEST(MaskedDice, Float32StaysNearFloat64) {
  const Maps exact = maps(50'000, at::kDouble);
  const Maps single = maps(50'000, at::kFloat);
  const at::Tensor difference = masked_dice(single.p, single.y, single.mask, kEpsilon) -
                                masked_dice(exact.p, exact.y, exact.mask, kEpsilon);
  EXPECT_LE(difference.abs().max().item<double>(), 2e-6);
}

TEST(MaskedDice, AnyNumberOfThreadsGivesTheSameBytes) {
  const int threads = at::get_num_threads();
  std::vector<at::Tensor> results;
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    Maps m = maps(10'000, at::kFloat);
    m.p.requires_grad_();
    const at::Tensor loss = masked_dice(m.p, m.y, m.mask, kEpsilon);
    loss.sum().backward();
    results.push_back(at::cat({loss.detach(), m.p.grad().flatten()}));
  }
  at::set_num_threads(threads);
  EXPECT_TRUE(results[0].equal(results[1]));
  EXPECT_TRUE(results[0].equal(results[2]));
}

TEST(MaskedDice, RefusesOtherShapesAndATargetWithAGradient) {
  const Maps m = maps(10, at::kDouble);
  EXPECT_THROW(masked_dice(m.p, m.y.slice(1, 0, 5), {}, kEpsilon), c10::Error);
  EXPECT_THROW(masked_dice(m.p, m.y.clone().requires_grad_(), {}, kEpsilon), c10::Error);
}

TEST(MaskedDice, NoRowsNoLoss) {
  EXPECT_EQ(masked_dice(at::zeros({0, 8}), at::zeros({0, 8}), {}, kEpsilon).numel(), 0);
}

}  // namespace
}  // namespace totum
