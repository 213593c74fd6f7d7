#include "networks/dar_unet.h"

#include <gtest/gtest.h>

#include "tests/networks/filling_rule.h"
#include "tests/networks/module_checks.h"

namespace totum {
namespace {

TEST(DarUnet, Fidelity1TheSegmenterHasThePublishedParameterCount) {
  const DarUNet network(dar_unet_shape(32, 1));
  EXPECT_EQ(parameter_count(*network), 17892692);
  EXPECT_EQ(network->named_parameters().size(), 318U);
}

TEST(DarUNet, GivesTheGoldenNumbers) {
  DarUNet network(dar_unet_shape(32, 1));
  network->to(at::kDouble);
  network->eval();  // batch norms: mean 0, variance 1
  fill_by_rule(*network);
  const torch::NoGradGuard no_grad;
  const auto outputs = network->forward(sine_input({1, 1, 16, 32, 32}));
  expect_statistics(outputs[0], {-0.0176218, 4.44683, -32.0722, 33.3321, 0.120079, -1.09462});
  expect_statistics(outputs[1], {-0.010917, 0.700989, -8.30519, 8.11618, 0.0301544, 0.0349411});
}

TEST(DarUnet, Fidelity7TheFirstTwoReductionsKeepTheDepth) {
  DarUNet network(DarUNetShape{.width = 8});
  const torch::NoGradGuard no_grad;
  const auto levels = network->encode(at::zeros({1, 1, 8, 32, 48}));
  ASSERT_EQ(levels.size(), 5U);
  EXPECT_EQ(levels[0].sizes(), (at::IntArrayRef{1, 8, 8, 32, 48}));
  EXPECT_EQ(levels[1].sizes(), (at::IntArrayRef{1, 16, 8, 16, 24}));
  EXPECT_EQ(levels[2].sizes(), (at::IntArrayRef{1, 32, 8, 8, 12}));
  EXPECT_EQ(levels[3].sizes(), (at::IntArrayRef{1, 64, 4, 4, 6}));
  EXPECT_EQ(levels[4].sizes(), (at::IntArrayRef{1, 128, 2, 2, 3}));
}

// The map scales the features as it is: with the last convolution at 0 and its bias at -3 it is -3
// everywhere, which neither a sigmoid nor a softmax could give, and ten times the bias gives ten times the
// features.
TEST(DarUnet, Fidelity8TheGatesAttentionIsNotSquashed) {
  Gate gate(8, 16, std::array<std::int64_t, 3>{2, 2, 2});
  const torch::NoGradGuard no_grad;
  auto parameters = gate->named_parameters();
  parameters["attention.conv2.weight"].zero_();
  parameters["up.bias"].zero_();
  const at::Tensor encoder = sine_input({1, 8, 4, 4, 4}).to(at::kFloat);
  const at::Tensor decoder = sine_input({1, 16, 2, 2, 2}).to(at::kFloat);
  parameters["attention.conv2.bias"].fill_(-3.0);
  EXPECT_TRUE(at::equal(gate->attention(encoder, decoder), at::full({1, 1, 2, 2, 2}, -3.0F)));
  const at::Tensor three = gate->forward(encoder, decoder).slice(1, 0, 16);
  parameters["attention.conv2.bias"].fill_(-30.0);
  const at::Tensor thirty = gate->forward(encoder, decoder).slice(1, 0, 16);
  EXPECT_LE((10 * three - thirty).abs().max().item<float>(), 1e-5F * thirty.abs().max().item<float>());
  EXPECT_TRUE(at::equal(gate->forward(encoder, decoder).slice(1, 16), encoder));
}

// With the batch norm's weight at 0 each branch scales by sigmoid(bias): 1/2 for bias 0, whatever the axis.
TEST(QuadAttention, IsTheMeanOfItsFourBranches) {
  QuadAttention attention(DarBlockShape{});
  const torch::NoGradGuard no_grad;
  for (auto& entry : attention->named_parameters()) {
    if (entry.key().ends_with("norm.weight") || entry.key().ends_with("norm.bias")) entry.value().zero_();
  }
  const at::Tensor x = sine_input({2, 8, 3, 4, 5}).to(at::kFloat);
  EXPECT_TRUE(at::allclose(attention->forward(x), x / 2));
  attention->named_parameters()["axis2.norm.bias"].fill_(100.0);  // the branch of D lets all through
  EXPECT_TRUE(at::allclose(attention->forward(x), x * (1 + 3 * 0.5) / 4));
}

// The map of the branch of D is the same at every D, that of the channels the same in every channel.
TEST(AxisAttention, ScalesAllPlacesAlongItsAxisAlike) {
  const torch::NoGradGuard no_grad;
  const at::Tensor x = sine_input({1, 8, 3, 4, 5}).to(at::kFloat) + 2;
  for (std::int64_t axis = 1; axis <= 4; ++axis) {
    AxisAttention branch(axis, DarBlockShape{});
    fill_by_rule(*branch);
    branch->eval();
    const at::Tensor map = branch->forward(x) / x;
    EXPECT_LE((map - map.narrow(axis, 0, 1)).abs().max().item<float>(), 1e-5F) << axis;
    for (std::int64_t other = 1; other <= 4; ++other) {
      if (other == axis) continue;
      EXPECT_GT((map - map.narrow(other, 0, 1)).abs().max().item<float>(), 1e-4F) << axis << other;
    }
  }
}

TEST(DarUNet, TakesAStrideTwoStemAndSizesThatAreNoMultipleOfSixteen) {
  const torch::NoGradGuard no_grad;
  DarUNet network(DarUNetShape{.outputs = 3, .width = 8, .stem_stride = 2});
  for (const auto& output : network->forward(at::zeros({1, 1, 10, 17, 24})))
    EXPECT_EQ(output.sizes(), (at::IntArrayRef{1, 3, 10, 17, 24}));
}

TEST(DarUNet, RefusesOtherWidths) {
  EXPECT_THROW(dar_unet_shape(24, 1), c10::Error);
  EXPECT_THROW(dar_unet_shape(16, 3), c10::Error);
}

}  // namespace
}  // namespace totum
