#include "networks/discriminator.h"

#include <gtest/gtest.h>

#include "tests/networks/filling_rule.h"

namespace totum {
namespace {

TEST(Proposed, Fidelity1DiscriminatorHasThePublishedParameterCount) {
  std::int64_t count = 0;
  for (const at::Tensor& parameter : Discriminator(32, 6)->parameters()) count += parameter.numel();
  EXPECT_EQ(count, 11146722);
}

TEST(Discriminator, GivesTheGoldenNumbers) {
  Discriminator network(32, 6);
  network->to(at::kDouble);
  fill_by_rule(*network);
  const at::Tensor logits = network->forward(sine_input({1, 2, 64, 64, 64}));
  ASSERT_EQ(logits.sizes(), (at::IntArrayRef{1, 2}));
  EXPECT_NEAR(logits[0][0].item<double>(), 0.00345912, 1e-8);
  EXPECT_NEAR(logits[0][1].item<double>(), -0.0729185, 1e-7);
}

// Six layers would end at size 0 on an axis of 32 or 48 voxels.
TEST(Discriminator, HasFewerLayersForSmallCrops) {
  EXPECT_EQ(discriminator_layers({64, 192, 192}), 6);
  EXPECT_EQ(discriminator_layers({192, 63, 192}), 5);
  EXPECT_EQ(discriminator_layers({32, 48, 64}), 5);
  EXPECT_EQ(discriminator_layers({31, 31, 31}), 4);
  EXPECT_EQ(discriminator_layers({2, 8, 8}), 1);
  EXPECT_THROW(discriminator_layers({1, 8, 8}), c10::Error);
  const Discriminator small(4, discriminator_layers({32, 48, 32}));
  EXPECT_EQ(small.ptr()->forward(at::zeros({3, 2, 32, 48, 32})).sizes(), (at::IntArrayRef{3, 2}));
}

}  // namespace
}  // namespace totum
