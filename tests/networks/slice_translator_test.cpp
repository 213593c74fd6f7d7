#include "networks/slice_translator.h"

#include <gtest/gtest.h>

#include <cmath>

#include "networks/initialise.h"
#include "networks/slice_discriminators.h"
#include "tests/networks/filling_rule.h"
#include "tests/networks/module_checks.h"

namespace totum {
namespace {

TEST(DarUnet, Fidelity1TheTranslatorsPartsHaveThePublishedParameterCounts) {
  EXPECT_EQ(parameter_count(*ContentEncoder(32)), 1348800);
  EXPECT_EQ(parameter_count(*StyleEncoder(32, style_reductions(256))), 954696);
  EXPECT_EQ(parameter_count(*StyleDecoder(32)), 2113985);
  EXPECT_EQ(parameter_count(*ImageDiscriminator(32, 256)), 5218851);
  // Three of 7x7 and the head: 3 (128·128·49 + 128 + 256) + 128·9 + 1, counted by hand.
  EXPECT_EQ(parameter_count(*ContentDiscriminator(128, content_reductions(64))), 2410753);
}

TEST(DarUnet, Fidelity2AStyleBecomes2496NumbersOfNorms) {
  StyleDecoder decoder(32);
  EXPECT_EQ(decoder->norm_numbers(at::zeros({3, 8})).sizes(), (at::IntArrayRef{3, 2496}));
}

TEST(DarUnet, Fidelity3OneContentEncoderAndDecoderForBothModalitiesAndTwoStyleEncoders) {
  SliceTranslator translator(SliceTranslatorShape{});
  EXPECT_EQ(parameter_count(*translator), 1348800 + 2 * 954696 + 2113985);
  const at::Tensor x = sine_input({1, 1, 256, 256}).to(at::kFloat);
  translator->style(x, true).sum().backward();
  for (const auto& entry : translator->named_parameters())
    EXPECT_EQ(entry.value().grad().defined(), entry.key().starts_with("style_mr.")) << entry.key();
}

// The published order: for each norm its shifts, then its scales, which are applied as 1 + scale.
TEST(StyleDecoder, TakesShiftsBeforeScales) {
  const at::Tensor x = at::tensor({1.0, 3.0, 10.0, 10.0}, at::kDouble).view({1, 2, 1, 2});
  const at::Tensor shift = at::tensor({5.0, -1.0}, at::kDouble).view({1, 2});
  const at::Tensor scale = at::tensor({1.0, 0.0}, at::kDouble).view({1, 2});
  const at::Tensor y = adaptive_instance_norm(x, shift, scale).flatten();
  const double unit = 1 / std::sqrt(1 + 1e-5);  // (3 - 2) / sqrt(variance + eps)
  EXPECT_NEAR(y[0].item<double>(), 5 - 2 * unit, 1e-9);
  EXPECT_NEAR(y[1].item<double>(), 5 + 2 * unit, 1e-9);
  EXPECT_NEAR(y[2].item<double>(), -1, 1e-9);
}

// The last norm before the output has w channels: its shifts are the numbers 2w..w from the end.
TEST(StyleDecoder, EndsInTheHyperbolicTangentOfTheLastNorm) {
  StyleDecoder decoder(8);
  const torch::NoGradGuard no_grad;
  for (auto& parameter : decoder->parameters()) parameter.zero_();
  auto parameters = decoder->named_parameters();
  parameters["out.weight"].zero_();
  parameters["out.weight"].slice(2, 3, 4).slice(3, 3, 4).fill_(1.0);  // sums the channels of its own pixel
  at::Tensor bias = parameters["numbers.4.bias"];
  bias.slice(0, bias.size(0) - 16, bias.size(0) - 8).fill_(0.05);
  const at::Tensor slice = decoder->forward(at::zeros({2, 32, 3, 5}), at::zeros({2, 8}));
  ASSERT_EQ(slice.sizes(), (at::IntArrayRef{2, 1, 12, 20}));
  EXPECT_LE((slice - std::tanh(8 * 0.05)).abs().max().item<float>(), 1e-6F);
}

TEST(ContentEncoder, ReducesFourTimesAndRefusesOtherSizes) {
  ContentEncoder encoder(8);
  EXPECT_EQ(encoder->forward(at::zeros({2, 1, 32, 48})).sizes(), (at::IntArrayRef{2, 32, 8, 12}));
  EXPECT_THROW(encoder->forward(at::zeros({2, 1, 30, 48})), c10::Error);
}

TEST(StyleEncoder, LeavesTwoPixelsForTheLastNorm) {
  EXPECT_EQ(style_reductions(256), 5);
  EXPECT_EQ(style_reductions(64), 5);
  EXPECT_EQ(style_reductions(48), 4);
  EXPECT_EQ(style_reductions(32), 4);
  EXPECT_EQ(style_reductions(8), 2);
  StyleEncoder encoder(8, style_reductions(32));
  EXPECT_EQ(encoder->forward(at::zeros({2, 1, 32, 32})).sizes(), (at::IntArrayRef{2, 8}));
}

TEST(ImageDiscriminator, LooksAtThreeSizes) {
  ImageDiscriminator full(32, 256);
  const torch::NoGradGuard no_grad;
  const auto outputs = full->forward(at::zeros({1, 1, 256, 256}));
  ASSERT_EQ(outputs.size(), 3U);
  EXPECT_EQ(outputs[0].sizes(), (at::IntArrayRef{1, 1, 8, 8}));
  EXPECT_EQ(outputs[1].sizes(), (at::IntArrayRef{1, 1, 4, 4}));
  EXPECT_EQ(outputs[2].sizes(), (at::IntArrayRef{1, 1, 2, 2}));
  ImageDiscriminator small(8, 48);
  for (const at::Tensor& output : small->forward(at::zeros({1, 1, 48, 48}))) EXPECT_EQ(output.size(2), 3);
}

TEST(ContentDiscriminator, HasThreeReductionsFor256PixelsAndTheOriginalFourFor512) {
  EXPECT_EQ(content_reductions(256 / 4), 3);
  EXPECT_EQ(content_reductions(512 / 4), 4);
  EXPECT_EQ(content_reductions(48 / 4), 1);
  EXPECT_EQ(content_reductions(8), 0);
  ContentDiscriminator network(8, 3);
  EXPECT_EQ(network->forward(at::zeros({2, 8, 64, 64})).sizes(), (at::IntArrayRef{2, 1, 1, 1}));
}

TEST(LeastSquares, SumsTheMeansOfAllSizes) {
  const std::vector<at::Tensor> outputs{at::tensor({1.0, 3.0}, at::kDouble), at::full({1}, 0.5, at::kDouble)};
  EXPECT_NEAR(least_squares(outputs, 1).item<double>(), (0 + 4) / 2.0 + 0.25, 1e-12);
  EXPECT_NEAR(least_squares(outputs, 0).item<double>(), (1 + 9) / 2.0 + 0.25, 1e-12);
}

TEST(InitialiseHe, WeightsHaveVarianceTwoOverFanIn) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(64, 128, 3));
  initialise_he(*conv, 1, "test");
  const double variance = conv->weight.var().item<double>();
  EXPECT_NEAR(variance, 2.0 / (64 * 9), 0.02 * variance);  // 73,728 draws: standard error .5 %
  EXPECT_LE(conv->bias.abs().max().item<double>(), 1 / std::sqrt(64.0 * 9));
}

}  // namespace
}  // namespace totum
