// The CUDA kernels against their definitions in plain ATen on the CPU, and against themselves: the same bytes
// twice. Label gpu.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <vector>

#include "kernels/convolution.h"
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

struct ConvolutionCase {
  std::int64_t kernel, stride, padding;
  std::vector<std::int64_t> x;  // [B,I,D,H,W]
  std::int64_t out_channels;
};

// Every kernel and stride; channels that fill tiles of 32 in and 16 or 32 out, fall short of them and pass
// them; rows of one part, of several, and of fewer columns; odd sizes, whose last voxels a stride leaves out;
// one plane; planes that are cut into bands; so many channels that a block takes two planes; any padding.
std::vector<ConvolutionCase> convolution_cases() {
  return {
      {3, 1, 1, {2, 32, 6, 10, 24}, 32},  {3, 1, 1, {3, 5, 4, 7, 25}, 14},
      {3, 1, 1, {1, 40, 3, 5, 50}, 70},   {3, 1, 1, {1, 1, 8, 9, 11}, 16},
      {3, 1, 1, {2, 64, 1, 3, 2}, 33},    {3, 1, 1, {2, 8, 40, 30, 60}, 8},
      {3, 1, 1, {1, 256, 20, 4, 5}, 256}, {3, 1, 0, {1, 3, 5, 6, 30}, 4},
      {3, 1, 2, {1, 3, 5, 6, 30}, 4},     {3, 2, 1, {2, 32, 8, 12, 24}, 64},
      {3, 2, 1, {1, 3, 7, 9, 27}, 5},     {3, 2, 1, {1, 35, 5, 4, 51}, 34},
      {3, 2, 1, {2, 2, 1, 1, 1}, 16},     {3, 2, 1, {1, 256, 40, 6, 5}, 256},
      {3, 2, 0, {1, 3, 7, 9, 30}, 4},     {3, 2, 2, {1, 3, 7, 9, 30}, 4},
      {1, 1, 0, {2, 32, 6, 10, 24}, 14},  {1, 1, 0, {1, 70, 3, 5, 49}, 33},
      {1, 1, 0, {1, 256, 20, 6, 5}, 256}, {1, 2, 0, {2, 32, 6, 10, 24}, 64},
      {1, 2, 0, {1, 5, 7, 9, 27}, 35},    {4, 2, 1, {3, 2, 16, 20, 26}, 8},
      {4, 2, 1, {1, 33, 8, 6, 50}, 17},   {4, 2, 1, {2, 16, 2, 2, 2}, 32},
      {4, 2, 1, {1, 256, 40, 6, 5}, 128}, {4, 2, 0, {1, 3, 8, 9, 30}, 4},
      {4, 2, 3, {1, 3, 8, 9, 30}, 4},
  };
}

at::Tensor case_weight(const ConvolutionCase& c) {
  return wave({c.out_channels, c.x[1], c.kernel, c.kernel, c.kernel}, 1.3, at::kDouble);
}

// Against double on the CPU. The terms are at most 1 and cancel; float errs by about 1e-7 √n for n of them,
// of which `allowance` times is allowed. A wrong tap, row or column errs by 0.2 and more.
void expect_close(const at::Tensor& ours, const at::Tensor& wanted, std::int64_t terms,
                  const ConvolutionCase& c, double allowance, const char* what) {
  EXPECT_LE(largest_difference(ours, wanted), 1e-5 + allowance * 1e-7 * std::sqrt(static_cast<double>(terms)))
      << what << ": kernel " << c.kernel << ", stride " << c.stride << ", padding " << c.padding << ", x "
      << at::IntArrayRef(c.x) << ", " << c.out_channels << " channels out";
}

class ConvolutionOnGpu : public KernelsOnGpu, public testing::WithParamInterface<ConvolutionCase> {};

// Nothing of cuDNN runs here, so that memory and race checkers see our kernels alone.
TEST_P(ConvolutionOnGpu, WeightGradientEqualsATensOnTheCpu) {
  const ConvolutionCase& c = GetParam();
  const at::Tensor x = wave(c.x, 0.7, at::kDouble);
  at::Tensor weight = case_weight(c).requires_grad_();
  const at::Tensor y = at::conv3d(x, weight, {}, c.stride, c.padding);
  const at::Tensor factors = wave(y.sizes(), 0.37, at::kDouble);
  (y * factors).sum().backward();
  const at::Tensor our_x = x.to(kGpu, at::kFloat), our_factors = factors.to(kGpu, at::kFloat);
  const auto run = [&] {
    return convolution_weight_gradient(our_x, our_factors, c.kernel, c.stride, c.padding);
  };
  const at::Tensor ours = run();
  expect_close(ours, weight.grad(), y.numel() / c.out_channels, c, 10, "gradient of the weight");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(run().equal(ours)) << "another time, other bytes";
}

TEST_P(ConvolutionOnGpu, OutputAndGradientsEqualATensOnTheCpuAndRepeat) {
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setDeterministicCuDNN(true);
  const ConvolutionCase& c = GetParam();
  for (const bool biased : {true, false}) {
    at::Tensor x = wave(c.x, 0.7, at::kDouble).requires_grad_();
    at::Tensor weight = case_weight(c).requires_grad_();
    at::Tensor bias = biased ? wave({c.out_channels}, 0.9, at::kDouble).requires_grad_() : at::Tensor();
    const at::Tensor expected = at::conv3d(x, weight, bias, c.stride, c.padding);
    const at::Tensor factors = wave(expected.sizes(), 0.37, at::kDouble);
    (expected * factors).sum().backward();
    const auto run = [&] {
      const auto on_gpu = [](const at::Tensor& t) {
        return t.detach().to(kGpu, at::kFloat).requires_grad_();
      };
      at::Tensor our_x = on_gpu(x), our_weight = on_gpu(weight), our_bias = biased ? on_gpu(bias) : bias;
      const at::Tensor y = convolution_3d(our_x, our_weight, our_bias, c.stride, c.padding);
      (y * factors.to(kGpu, at::kFloat)).sum().backward();
      return std::vector<at::Tensor>{y.detach(), our_x.grad(), our_weight.grad(),
                                     biased ? our_bias.grad() : at::zeros({1}, kGpu)};
    };
    const auto ours = run();
    const std::int64_t taps = c.kernel * c.kernel * c.kernel;
    const std::int64_t outputs = expected.numel() / c.out_channels;
    // cuDNN's forward algorithms, Winograd's among them, err by about 50 times 1e-7 √n.
    expect_close(ours[0], expected.detach(), c.x[1] * taps, c, 200, "output");
    expect_close(ours[1], x.grad(), c.out_channels * taps, c, 200, "gradient of the input");
    expect_close(ours[2], weight.grad(), outputs, c, 10, "gradient of the weight");
    if (biased) expect_close(ours[3], bias.grad(), outputs, c, 10, "gradient of the bias");
    const auto again = run();
    for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_TRUE(again[i].equal(ours[i])) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, ConvolutionOnGpu, testing::ValuesIn(convolution_cases()),
                         [](const auto& test) {
                           const ConvolutionCase& c = test.param;
                           return fmt::format("{}_k{}_s{}_p{}_in{}_out{}", test.index, c.kernel, c.stride,
                                              c.padding, c.x[1], c.out_channels);
                         });

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
