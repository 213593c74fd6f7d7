#include "networks/conditional_decoder.h"

#include <gtest/gtest.h>

#include "tests/networks/filling_rule.h"

namespace totum {
namespace {

at::Tensor wave(at::IntArrayRef shape, double step) {
  std::int64_t count = 1;
  for (const std::int64_t axis : shape) count *= axis;
  return (at::arange(count, at::kDouble) * step).sin().view(shape);
}

UNetLevels levels_of(std::int64_t images) {
  UNetLevels levels;
  std::int64_t size = 16;
  const std::array<std::int64_t, 5> channels{16, 32, 64, 128, 128};
  for (std::size_t i = 0; i < 5; ++i, size /= 2)
    levels[i] = wave({images, channels[i], size, size, size}, 0.7);
  return levels;
}

ConditionalDecoder decoder_in_double() {
  ConditionalDecoder decoder(backbone_shape(1, 16, 1));
  decoder->to(at::kDouble);
  fill_by_rule(*decoder);
  return decoder;
}

TEST(CondDec, Fidelity4NumbersRunFromMinusOneToOne) {
  EXPECT_DOUBLE_EQ(organ_condition(1), -1.0);
  EXPECT_DOUBLE_EQ(organ_condition(7), 0.0);
  EXPECT_DOUBLE_EQ(organ_condition(13), 1.0);
  EXPECT_DOUBLE_EQ(organ_condition(4), -0.5);
}

TEST(CondDec, Fidelity2AnotherOrganGivesAnotherOutputTheSameOrganTheSame) {
  ConditionalDecoder decoder = decoder_in_double();
  const torch::NoGradGuard no_grad;
  const UNetLevels levels = repeat_images(levels_of(1), 3);
  const at::Tensor condition =
      at::tensor({organ_condition(5), organ_condition(6), organ_condition(5)}, at::kDouble);
  const at::Tensor logits = decoder->forward(levels, condition, {16, 16, 16});
  EXPECT_GT((logits[0] - logits[1]).abs().max().item<double>(), 1e-6);
  EXPECT_LT((logits[0] - logits[2]).abs().max().item<double>(), 1e-12);
}

TEST(CondDec, Fidelity6OutputIsOneChannel) {
  ConditionalDecoder decoder = decoder_in_double();
  const torch::NoGradGuard no_grad;
  EXPECT_EQ(decoder->forward(levels_of(2), at::zeros({2}, at::kDouble), {32, 32, 32}).sizes(),
            (at::IntArrayRef{2, 1, 32, 32, 32}));
}

TEST(CondDec, Fidelity8WeightsOfTheConditioningChannelReceiveGradients) {
  ConditionalDecoder decoder = decoder_in_double();
  const at::Tensor logits =
      decoder->forward(levels_of(2), at::tensor({-1.0, 0.5}, at::kDouble), {16, 16, 16});
  (logits * wave(logits.sizes(), 0.3)).sum().backward();
  int conditioned = 0;
  for (const auto& entry : decoder->named_parameters()) {
    const at::Tensor& p = entry.value();
    if (p.dim() != 5 || entry.key().starts_with("head")) continue;
    EXPECT_EQ(p.size(1) % 16, 1) << entry.key();  // one channel more than features
    EXPECT_GT(p.grad().slice(1, p.size(1) - 1).abs().min().item<double>(), 0.0) << entry.key();
    ++conditioned;
  }
  EXPECT_EQ(conditioned, 11);  // conv1 and conv2 of four blocks, three shortcuts
}

// The definition: a constant map beside the activations, then one convolution with standardised weights.
TEST(ConditionedConv, EqualsTheConvolutionWithAConstantMapAndItsGradient) {
  for (const std::int64_t kernel : {1, 3}) {
    ConditionedConv conv(ConvShape{3, 5, kernel, 1});
    conv->to(at::kDouble);
    at::Tensor weight = conv->parameters()[0];
    {
      const torch::NoGradGuard no_grad;
      weight.copy_(wave(weight.sizes(), 0.9));
    }
    const at::Tensor x = wave({2, 3, 4, 5, 6}, 0.37).requires_grad_();
    const at::Tensor condition = at::tensor({-1.0, 0.25}, at::kDouble);
    const at::Tensor probe = wave({2, 5, 4, 5, 6}, 0.21);
    const auto gradients = [&](const at::Tensor& y) {
      return torch::autograd::grad({(y * probe).sum()}, {x, weight});
    };
    const at::Tensor got = conv->forward(x, condition);
    const at::Tensor map = condition.view({2, 1, 1, 1, 1}).expand({2, 1, 4, 5, 6});
    const at::Tensor expected =
        at::conv3d(at::cat({x, map}, 1), standardise_weight(weight), {}, 1, kernel / 2);
    EXPECT_LT((got - expected).abs().max().item<double>(), 1e-12);
    const auto got_gradients = gradients(got);
    const auto expected_gradients = gradients(expected);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_LT((got_gradients[i] - expected_gradients[i]).abs().max().item<double>(), 1e-11);
    }
  }
}

}  // namespace
}  // namespace totum
