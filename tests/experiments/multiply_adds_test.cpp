#include "experiments/multiply_adds.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "networks/residual_unet.h"

namespace totum {
namespace {

// Input [2,3,5,6,7], weight [4,3,3,3,3], padding 1, stride 2: output [2,4,3,3,4]; 288 elements of 81 each.
TEST(MultiplyAdds, CountsAConvolutionForwardAndEachGradient) {
  const at::Tensor x = at::ones({2, 3, 5, 6, 7});
  const at::Tensor w = at::ones({4, 3, 3, 3, 3}).requires_grad_();
  at::Tensor y;
  const std::int64_t forward = 288 * 81;
  EXPECT_EQ(count_multiply_adds([&] { y = at::conv3d(x, w, {}, 2, 1); }), forward);
  EXPECT_EQ(count_multiply_adds([&] { y.sum().backward(); }), forward);  // of the weight alone
  const at::Tensor moving = x.clone().requires_grad_();
  EXPECT_EQ(count_multiply_adds([&] { at::conv3d(moving, w, {}, 2, 1).sum().backward(); }), 3 * forward);
}

// Two groups: each output channel meets half of the input channels. Dilation 2: the kernel reaches 5 voxels.
TEST(MultiplyAdds, KnowsGroupsDilationAndOtherDimensions) {
  const at::Tensor x = at::ones({1, 4, 9, 9});
  const at::Tensor w = at::ones({6, 2, 3, 3});
  EXPECT_EQ(count_multiply_adds([&] {
              (void)at::conv2d(x, w, {}, {1, 1}, at::IntArrayRef{0, 0}, {2, 2}, 2);
            }),
            6 * 5 * 5 * 2 * 9);
}

// Each of the 2·3·4·4·4 input elements is spread over 5 channels and 8 voxels.
TEST(MultiplyAdds, CountsATransposedConvolutionByItsInput) {
  const at::Tensor x = at::ones({2, 3, 4, 4, 4}).requires_grad_();
  const at::Tensor w = at::ones({3, 5, 2, 2, 2}).requires_grad_();
  const std::int64_t forward = 384 * 5 * 8;
  EXPECT_EQ(count_multiply_adds([&] { at::conv_transpose3d(x, w, {}, 2).sum().backward(); }), 3 * forward);
}

TEST(MultiplyAdds, CountsMatrixProducts) {
  const at::Tensor a = at::ones({3, 4});
  const at::Tensor b = at::ones({4, 5});
  EXPECT_EQ(count_multiply_adds([&] { (void)a.matmul(b); }), 60);
  EXPECT_EQ(count_multiply_adds([&] { (void)at::linear(a, b.t(), at::ones({5})); }), 60);
  EXPECT_EQ(count_multiply_adds([&] { (void)at::bmm(a.expand({2, 3, 4}), b.expand({2, 4, 5})); }), 120);
  EXPECT_EQ(count_multiply_adds([&] { (void)a.mv(at::ones({4})); }), 12);
  EXPECT_EQ(count_multiply_adds([&] { (void)(a * a).sum(); }), 0);
}

TEST(MultiplyAdds, StopsCountingAlsoAfterAnException) {
  const at::Tensor a = at::ones({3, 3});
  EXPECT_THROW(count_multiply_adds([] { throw std::runtime_error("stopped"); }), std::runtime_error);
  EXPECT_EQ(count_multiply_adds([&] { (void)a.mm(a); }), 27);
  EXPECT_EQ(count_multiply_adds([] {}), 0);
}

// The published network needs 1025.7 GFLOP forward (two for each multiply-add) for a crop of 64x192x192,
// which is 72 crops of 32^3; its layers' sizes divide alike. Backward: twice that, less the image's own
// gradient (conv1, 4.1 GFLOP).
TEST(MultiplyAdds, OfTheBackboneAreThoseOfThePublishedOne) {
  ResidualUNet network(backbone_shape(14, 32, 1));
  const at::Tensor image = at::zeros({2, 1, 32, 32, 32});
  at::Tensor logits;
  const auto forward = count_multiply_adds([&] { logits = network->forward(image).logits; });
  const double expected = 2 * 1025.7e9 / 2 / 72;
  EXPECT_NEAR(static_cast<double>(forward), expected, 1e-3 * expected);
  const auto backward = count_multiply_adds([&] { logits.sum().backward(); });
  const double without_image = 2 * (2 * 1025.7e9 - 4.1e9) / 2 / 72;
  EXPECT_NEAR(static_cast<double>(backward), without_image, 1e-3 * without_image);
}

// A lone small image takes another way without a gradient (oneDNN by name), and is counted alike.
TEST(MultiplyAdds, CountsALoneImageWithoutGradientLikeOneOfAPair) {
  const torch::NoGradGuard no_grad;
  ResidualUNet network(backbone_shape(14, 16, 2));
  const auto one = count_multiply_adds([&] { network->forward(at::zeros({1, 1, 32, 32, 32})); });
  const auto two = count_multiply_adds([&] { network->forward(at::zeros({2, 1, 32, 32, 32})); });
  EXPECT_GT(one, 0);
  EXPECT_EQ(2 * one, two);
}

}  // namespace
}  // namespace totum
