#include "networks/residual_unet.h"

#include <gtest/gtest.h>

#include "tests/networks/filling_rule.h"
#include "tests/networks/module_checks.h"

namespace totum {
namespace {

TEST(Proposed, Fidelity1ParameterCountsAreThePublishedOnes) {
  EXPECT_EQ(parameter_count(*ResidualUNet(backbone_shape(14, 32, 1))), 17286446);
  EXPECT_EQ(parameter_count(*ResidualUNet(refiner_shape(24))), 5136002);
}

TEST(Single, HeadsOfFiveAndSixChannelsHaveThePublishedParameterCounts) {
  EXPECT_EQ(parameter_count(*ResidualUNet(backbone_shape(5, 32, 1))), 17286149);
  EXPECT_EQ(parameter_count(*ResidualUNet(backbone_shape(6, 32, 1))), 17286182);
}

TEST(ResidualUNet, BackboneGivesTheGoldenNumbers) {
  ResidualUNet network(backbone_shape(14, 32, 1));
  network->to(at::kDouble);
  fill_by_rule(*network);
  expect_statistics(network->forward(sine_input({1, 1, 32, 32, 32})).logits,
                    {0.00814515, 0.0631483, -0.511008, 0.495022, -0.204875, 0.0798270});
}

TEST(ResidualUNet, RefinerGivesTheGoldenNumbers) {
  ResidualUNet network(refiner_shape(24));
  network->to(at::kDouble);
  fill_by_rule(*network);
  expect_statistics(network->forward(sine_input({1, 2, 32, 32, 32})).logits,
                    {0.0773859, 0.0143010, 0.0503873, 0.156671, 0.0626398, 0.0887817});
}

TEST(ResidualUNet, StrideTwoStemKeepsTheOutputSize) {
  ResidualUNet network(backbone_shape(14, 16, 2));
  torch::NoGradGuard no_grad;
  for (auto& p : network->parameters()) p.fill_(0.01);
  const UNetOutput output = network->forward(at::ones({2, 1, 16, 32, 48}));
  EXPECT_EQ(output.logits.sizes(), (at::IntArrayRef{2, 14, 16, 32, 48}));
  EXPECT_EQ(output.features[2].sizes(), (at::IntArrayRef{2, 16, 4, 8, 12}));
}

TEST(ResidualUNet, TakesSizesThatAreNoMultipleOfSixteen) {
  ResidualUNet network(backbone_shape(14, 16, 1));
  torch::NoGradGuard no_grad;
  for (auto& p : network->parameters()) p.fill_(0.01);
  EXPECT_EQ(network->forward(at::ones({1, 1, 17, 20, 25})).logits.sizes(),
            (at::IntArrayRef{1, 14, 17, 20, 25}));
}

TEST(ResidualUNet, RefusesOtherWidths) {
  EXPECT_THROW(backbone_shape(14, 24, 1), c10::Error);
  EXPECT_THROW(backbone_shape(14, 16, 3), c10::Error);
  EXPECT_THROW(refiner_shape(12), c10::Error);
}

}  // namespace
}  // namespace totum
