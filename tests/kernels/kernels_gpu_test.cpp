// The CUDA kernels against their definitions in plain ATen on the CPU, and against themselves: the same bytes
// twice. Label gpu.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "kernels/dice.h"
#include "kernels/trilinear.h"

namespace totum {
namespace {

const c10::Device kGpu(c10::kCUDA, 0);

at::Tensor wave(at::IntArrayRef shape, double step, at::ScalarType type) {
  return at::arange(c10::multiply_integers(shape), at::kDouble).mul(step).sin().view(shape).to(type);
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble).cpu() - b.to(at::kDouble).cpu()).abs().max().item<double>();
}

class KernelsOnGpu : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(torch::cuda::is_available()) << "this test needs a GPU and a CUDA build";
  }
};

// Chunks of 4096 voxels: one, parts of one, several. float32 adds 16 values in its own type, about 1e-6.
TEST_F(KernelsOnGpu, DiceAndItsGradientEqualTheDefinition) {
  for (const std::int64_t voxels : {1, 255, 4096, 4097, 50'001}) {
    for (const auto type : {at::kDouble, at::kFloat}) {
      for (const bool masked : {false, true}) {
        const at::Tensor p = wave({5, voxels}, 0.3, at::kDouble).mul(0.5).add(0.5);
        const at::Tensor y = (wave({5, voxels}, 0.11, at::kDouble) > 0).to(at::kDouble);
        at::Tensor mask =
            masked ? (wave({5, voxels}, 1.7, at::kDouble) > -0.3).to(at::kDouble) : at::Tensor();
        if (masked) mask[4].zero_();
        const at::Tensor weight = at::tensor({0.5, -2.0, 3.0, 1.0, 1.0}, at::kDouble);
        at::Tensor plain = p.clone().requires_grad_();
        const at::Tensor expected = masked_dice_by_aten(plain, y, mask, 1e-5);
        (expected * weight).sum().backward();
        at::Tensor ours = p.to(kGpu, type).requires_grad_();
        const at::Tensor loss =
            masked_dice(ours, y.to(kGpu, type), masked ? mask.to(kGpu, type) : mask, 1e-5);
        (loss * weight.to(kGpu, type)).sum().backward();
        const double tolerance = type == at::kDouble ? 1e-12 : 2e-6;
        EXPECT_LE(largest_difference(loss.detach(), expected.detach()), tolerance) << voxels;
        EXPECT_LE(largest_difference(ours.grad(), plain.grad()), tolerance) << voxels;
      }
    }
  }
}

// Up by 1, 2, 8 and a fraction, and down; more columns than a block has threads.
TEST_F(KernelsOnGpu, UpsamplingAndItsGradientEqualATensOnTheCpu) {
  for (const auto& size : std::vector<std::vector<std::int64_t>>{
           {3, 4, 5}, {6, 8, 10}, {24, 32, 40}, {7, 4, 11}, {2, 13, 3}, {3, 9, 300}}) {
    for (const auto type : {at::kDouble, at::kFloat}) {
      const at::Tensor x = wave({2, 3, 3, 4, 5}, 0.7, at::kDouble);
      const at::Tensor weights = wave({2, 3, size[0], size[1], size[2]}, 0.2, at::kDouble);
      at::Tensor plain = x.clone().requires_grad_();
      const at::Tensor expected = at::upsample_trilinear3d(plain, size, false);
      (expected * weights).sum().backward();
      at::Tensor ours = x.to(kGpu, type).requires_grad_();
      const at::Tensor y = upsample_trilinear(ours, size);
      (y * weights.to(kGpu, type)).sum().backward();
      const double tolerance = type == at::kDouble ? 1e-12 : 1e-6;
      EXPECT_LE(largest_difference(y.detach(), expected.detach()), tolerance);
      const double largest = plain.grad().abs().max().item<double>();
      EXPECT_LE(largest_difference(ours.grad(), plain.grad()), tolerance * std::max(1.0, 10 * largest));
    }
  }
}

TEST_F(KernelsOnGpu, ASecondRunGivesTheSameBytes) {
  const auto run = [] {
    at::Tensor x = wave({2, 13, 16, 24, 32}, 0.7, at::kFloat).to(kGpu).requires_grad_();
    const at::Tensor y = upsample_trilinear(x, {32, 48, 64}).view({26, -1});
    masked_dice(y, (y > 0.1).to(at::kFloat).detach(), {}, 1e-5).sum().backward();
    return x.grad();
  };
  const at::Tensor first = run();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(run().equal(first));
}

TEST_F(KernelsOnGpu, EmptyInputStaysEmpty) {
  const auto options = at::TensorOptions(kGpu).dtype(at::kFloat);
  EXPECT_EQ(masked_dice(at::zeros({0, 8}, options), at::zeros({0, 8}, options), {}, 1e-5).numel(), 0);
  EXPECT_EQ(upsample_trilinear(at::zeros({0, 2, 2, 2, 2}, options), {4, 4, 4}).numel(), 0);
  EXPECT_EQ(masked_dice(at::zeros({2, 0}, options), at::zeros({2, 0}, options), {}, 1e-5)[0].item<float>(),
            0);
}

}  // namespace
}  // namespace totum
