#include "networks/dynamic_unet.h"

#include <gtest/gtest.h>

#include "tests/networks/filling_rule.h"
#include "tests/networks/module_checks.h"

namespace totum {
namespace {

at::Tensor code_of(const std::vector<std::int64_t>& tasks, std::int64_t count) {
  return at::eye(count, at::kDouble).index_select(0, at::tensor(tasks, at::kLong));
}

DynamicUNet small_network() {
  DynamicUNet network(backbone_shape(0, 16, 1), 3, DynamicHeadShape{});
  network->to(at::kDouble);
  fill_by_rule(*network);
  return network;
}

TEST(DoDNet, Fidelity1WithTwoOutputsAndSevenTasksHasThePublishedSize) {
  EXPECT_EQ((DynamicHeadShape{8, 2}.filters()), 162);
  EXPECT_EQ(parameter_count(*DynamicUNet(backbone_shape(0, 32, 1), 7, DynamicHeadShape{8, 2})), 17329528);
}

TEST(DoDNet, Fidelity2WithFiveOutputsAndThreeTasksHas189Filters) {
  EXPECT_EQ((DynamicHeadShape{8, 5}.filters()), 189);
  EXPECT_EQ(parameter_count(*DynamicUNet(backbone_shape(0, 32, 1), 3, DynamicHeadShape{8, 5})), 17335900);
}

// As published: 7 tasks, the fourth of them, two outputs.
TEST(DynamicUNet, GivesTheGoldenNumbers) {
  DynamicUNet network(backbone_shape(0, 32, 1), 7, DynamicHeadShape{8, 2});
  network->to(at::kDouble);
  fill_by_rule(*network);
  ASSERT_EQ(network->parameters().size(), 111U);
  expect_statistics(network->forward(sine_input({1, 1, 32, 32, 32}), code_of({3}, 7)),
                    {-0.0943554, 0.184408, -0.280675, 0.0919077, -0.270633, 0.0902274});
}

TEST(DoDNet, Fidelity3TwoImagesOfOneTaskHaveOtherFilters) {
  DynamicUNet network = small_network();
  const torch::NoGradGuard no_grad;
  const at::Tensor filters =
      network->filters(network->features(sine_input({2, 1, 32, 32, 32})).image_code, code_of({1, 1}, 3));
  ASSERT_EQ(filters.sizes(), (at::IntArrayRef{2, 189}));
  EXPECT_GT((filters[0] - filters[1]).abs().max().item<double>(), 1e-6);
}

TEST(DoDNet, Fidelity4GradientsReachTheEncoderThroughTheController) {
  DynamicUNet network = small_network();
  DynamicFeatures features = network->features(sine_input({1, 1, 32, 32, 32}));
  features.head_input = features.head_input.detach();  // the decoder's way is closed
  network->logits(features, code_of({0}, 3), {32, 32, 32}).sum().backward();
  for (const auto& entry : network->named_parameters()) {
    const at::Tensor& gradient = entry.value().grad();
    if (entry.key() == "encoder.stem.weight") {
      ASSERT_TRUE(gradient.defined());
      EXPECT_GT(gradient.norm().item<double>(), 0.0);
    }
    if (entry.key().starts_with("decoder.")) {
      EXPECT_FALSE(gradient.defined()) << entry.key();
    }
  }
}

// Width 1, one output, by hand: w3 ReLU(w2 ReLU(w1 x + b1) + b2) + b3 with (w1,w2,w3,b1,b2,b3).
TEST(DoDNet, Fidelity5WeightsComeFirstThenBiases) {
  const at::Tensor filters = at::tensor({2.0, 3.0, 5.0, 7.0, 11.0, 13.0}, at::kDouble).view({1, 6});
  const at::Tensor x = at::ones({1, 1, 1, 1, 1}, at::kDouble);
  EXPECT_DOUBLE_EQ(dynamic_head(x, filters, {1, 1}).item<double>(), 5 * (3 * (2 * 1 + 7) + 11) + 13);
}

TEST(DoDNet, Fidelity6ReluStandsBehindTheFirstTwoDynamicLayersOnly) {
  const auto head = [](std::vector<double> filters, double x) {
    return dynamic_head(at::full({1, 1, 1, 1, 1}, x, at::kDouble), at::tensor(filters).view({1, 6}), {1, 1})
        .item<double>();
  };
  EXPECT_DOUBLE_EQ(head({1, 1, 1, 0, 4, 0}, -3), 4);   // the first layer's -3 is cut, else 1
  EXPECT_DOUBLE_EQ(head({1, -1, 1, 0, 0, 6}, 3), 6);   // the second layer's -3 is cut, else 3
  EXPECT_DOUBLE_EQ(head({1, 1, -1, 0, 0, 0}, 3), -3);  // the third layer's -3 stays
}

// Rows of a weight are outputs: channel 0 of the features goes to the second output alone.
TEST(DynamicHead, WeightsAreRowMajorWithTheOutputFirst) {
  const DynamicHeadShape shape{2, 2};
  const at::Tensor identity = at::eye(2, at::kDouble).flatten();
  const at::Tensor last = at::tensor({0.0, 0.0, 1.0, 0.0}, at::kDouble);
  const at::Tensor filters = at::cat({identity, identity, last, at::zeros({6}, at::kDouble)}).view({1, 18});
  const at::Tensor x = at::tensor({4.0, 9.0}, at::kDouble).view({1, 2, 1, 1, 1});
  EXPECT_TRUE(at::equal(dynamic_head(x, filters, shape).flatten(), at::tensor({0.0, 4.0}, at::kDouble)));
}

TEST(DoDNet, Fidelity7OutputsHaveNoChannelForTheBackground) {
  DynamicUNet network = small_network();
  const torch::NoGradGuard no_grad;
  // Five organs in the largest task, five outputs.
  EXPECT_EQ(network->forward(sine_input({1, 1, 16, 16, 32}), code_of({2}, 3)).sizes(),
            (at::IntArrayRef{1, 5, 16, 16, 32}));
}

TEST(DoDNet, Fidelity10ABatchGivesWhatItsImagesGiveOneAtATime) {
  DynamicUNet network = small_network();
  const torch::NoGradGuard no_grad;
  const at::Tensor x = sine_input({3, 1, 16, 32, 16});
  const at::Tensor code = code_of({2, 0, 1}, 3);
  const at::Tensor together = network->forward(x, code);
  for (std::int64_t b = 0; b < 3; ++b) {
    const at::Tensor alone = network->forward(x.slice(0, b, b + 1), code.slice(0, b, b + 1));
    // float64: rounding alone.
    EXPECT_LT((together.slice(0, b, b + 1) - alone).abs().max().item<double>(), 1e-12);
  }
}

TEST(DynamicUNet, StrideTwoStemKeepsTheOutputSize) {
  DynamicUNet network(backbone_shape(0, 16, 2), 3, DynamicHeadShape{8, 5});
  fill_by_rule(*network);
  const torch::NoGradGuard no_grad;
  const at::Tensor x = sine_input({2, 1, 32, 32, 48}).to(at::kFloat);
  EXPECT_EQ(network->forward(x, code_of({0, 1}, 3)).sizes(), (at::IntArrayRef{2, 5, 32, 32, 48}));
  EXPECT_EQ(network->features(x).head_input.sizes(), (at::IntArrayRef{2, 8, 16, 16, 24}));
}

}  // namespace
}  // namespace totum
