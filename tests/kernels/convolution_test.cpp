#include "kernels/convolution.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <vector>

namespace totum {
namespace {

at::Tensor wave(at::IntArrayRef shape, double step) {
  return at::arange(c10::multiply_integers(shape), at::kDouble).mul(step).sin().view(shape);
}

struct Attributes {
  std::int64_t kernel, stride, padding;
};

// Each element of the weight's gradient is a sum over images and voxels, written out.
double by_hand(const at::Tensor& x, const at::Tensor& gradient, at::IntArrayRef index, std::int64_t stride,
               std::int64_t padding) {
  double sum = 0;
  for (std::int64_t b = 0; b < gradient.size(0); ++b) {
    for (std::int64_t d = 0; d < gradient.size(2); ++d) {
      for (std::int64_t h = 0; h < gradient.size(3); ++h) {
        for (std::int64_t w = 0; w < gradient.size(4); ++w) {
          const std::int64_t z = d * stride + index[2] - padding;
          const std::int64_t y = h * stride + index[3] - padding;
          const std::int64_t u = w * stride + index[4] - padding;
          if (z < 0 || y < 0 || u < 0 || z >= x.size(2) || y >= x.size(3) || u >= x.size(4)) continue;
          sum += x[b][index[1]][z][y][u].item<double>() * gradient[b][index[0]][d][h][w].item<double>();
        }
      }
    }
  }
  return sum;
}

TEST(Convolution, TheWeightsGradientIsItsDefinition) {
  for (const Attributes& shape : {Attributes{1, 2, 0}, {3, 1, 1}, {3, 2, 1}, {4, 2, 1}}) {
    const at::Tensor x = wave({2, 2, 4, 5, 6}, 0.7);
    const auto out = [&](std::int64_t n) {
      return (n + 2 * shape.padding - shape.kernel) / shape.stride + 1;
    };
    const at::Tensor gradient = wave({2, 3, out(4), out(5), out(6)}, 0.3);
    const at::Tensor found =
        convolution_weight_gradient(x, gradient, shape.kernel, shape.stride, shape.padding);
    const std::int64_t k = shape.kernel;
    ASSERT_EQ(found.sizes(), at::IntArrayRef({3, 2, k, k, k}));
    for (std::int64_t i = 0; i < found.numel(); i += 5) {
      const std::vector<std::int64_t> index{i / (2 * k * k * k), i / (k * k * k) % 2, i / (k * k) % k,
                                            i / k % k, i % k};
      EXPECT_NEAR(found.flatten()[i].item<double>(), by_hand(x, gradient, index, shape.stride, shape.padding),
                  1e-12)
          << "kernel " << k << ", element " << i;
    }
  }
}

std::vector<Attributes> all_attributes() {
  std::vector<Attributes> all;
  for (const std::int64_t kernel : {1, 3, 4}) {
    for (const std::int64_t stride : {1, 2}) {
      for (std::int64_t padding = 0; padding <= kernel; ++padding) all.push_back({kernel, stride, padding});
    }
  }
  return all;
}

// In float64: sums of at most 700 products in another order differ by less than 1e-12.
TEST(Convolution, OwnGradientsAreATensForEveryPaddingWithAndWithoutBias) {
  for (const auto& [kernel, stride, padding] : all_attributes()) {
    for (const bool biased : {true, false}) {
      const auto gradients = [&, k = kernel, s = stride, p = padding](bool own) {
        at::Tensor x = wave({2, 3, 5, 4, 6}, 0.7).requires_grad_();
        at::Tensor weight = wave({4, 3, k, k, k}, 1.1).requires_grad_();
        at::Tensor bias = biased ? wave({4}, 0.9).requires_grad_() : at::Tensor();
        const at::Tensor y = own ? convolution_3d_with_own_gradients(x, weight, bias, s, p)
                                 : at::conv3d(x, weight, bias, s, p);
        (y * wave(y.sizes(), 0.37)).sum().backward();
        return std::vector<at::Tensor>{y.detach(), x.grad(), weight.grad(),
                                       biased ? bias.grad() : at::zeros({1}, at::kDouble)};
      };
      const auto ours = gradients(true);
      const auto expected = gradients(false);
      for (std::size_t i = 0; i < ours.size(); ++i) {
        EXPECT_LE((ours[i] - expected[i]).abs().max().item<double>(), 1e-12)
            << "kernel " << kernel << ", stride " << stride << ", padding " << padding << ", value " << i;
      }
    }
  }
}

TEST(Convolution, GradientsThatNobodyAskedForAreNotMade) {
  at::Tensor x = wave({1, 2, 3, 3, 3}, 0.7).requires_grad_();
  const at::Tensor weight = wave({2, 2, 3, 3, 3}, 1.1);
  convolution_3d_with_own_gradients(x, weight, {}, 1, 1).sum().backward();
  EXPECT_TRUE(x.grad().defined());
  EXPECT_FALSE(weight.grad().defined());
  at::Tensor moving = weight.clone().requires_grad_();
  convolution_3d_with_own_gradients(x.detach(), moving, {}, 1, 1).sum().backward();
  EXPECT_TRUE(moving.grad().defined());
}

TEST(Convolution, ASecondDerivativeIsRefused) {
  at::Tensor x = wave({1, 2, 3, 3, 3}, 0.7).requires_grad_();
  const at::Tensor y = convolution_3d_with_own_gradients(x, wave({2, 2, 3, 3, 3}, 1.1), {}, 1, 1);
  EXPECT_THROW(torch::autograd::grad({y.square().sum()}, {x}, {}, true, /*create_graph=*/true), c10::Error);
}

TEST(Convolution, ShapesThatDoNotFitAreRefused) {
  const at::Tensor x = at::ones({1, 2, 4, 4, 4});
  EXPECT_THROW(convolution_3d(x[0], at::ones({1, 2, 3, 3, 3}), {}, 1, 1), c10::Error);
  EXPECT_THROW(convolution_3d(x, at::ones({1, 2, 3, 3, 1}), {}, 1, 1), c10::Error);
  EXPECT_THROW(convolution_3d(x, at::ones({1, 2, 3, 3, 3}), {}, 0, 1), c10::Error);
  EXPECT_THROW(convolution_3d(x, at::ones({1, 2, 3, 3, 3}), {}, 1, -1), c10::Error);
  EXPECT_THROW(convolution_3d(x, at::ones({1, 2, 5, 5, 5}), {}, 2, 0), c10::Error);
  EXPECT_THROW(convolution_weight_gradient(x, at::ones({1, 2, 3, 4, 4}), 3, 1, 1), c10::Error);
  EXPECT_THROW(convolution_weight_gradient(x, at::ones({2, 2, 4, 4, 4}), 3, 1, 1), c10::Error);
  EXPECT_THROW(convolution_weight_gradient(x, at::ones({1, 2, 4, 4, 4}, at::kDouble), 3, 1, 1), c10::Error);
}

}  // namespace
}  // namespace totum
