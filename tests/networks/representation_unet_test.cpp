#include "networks/representation_unet.h"

#include <gtest/gtest.h>

#include "tests/networks/filling_rule.h"
#include "tests/networks/module_checks.h"

namespace totum {
namespace {

// 64·256·27 + 256, 256·256·27 + 256, 256·256 + 256 and two norms of 512.
TEST(RepresentationUNet, HasTheParametersOfBackboneAndHead) {
  EXPECT_EQ(parameter_count(*RepresentationHead(64, 256)), 2279168);
  EXPECT_EQ(parameter_count(*RepresentationUNet(backbone_shape(14, 32, 1))), 17286446 + 2279168);
}

TEST(RepresentationUNet, GivesTheBackbonesLogitsAndAVectorForEachVoxelAtAQuarterOfTheSize) {
  RepresentationUNet network(backbone_shape(14, 16, 1));
  network->to(at::kDouble);
  fill_by_rule(*network);
  const torch::NoGradGuard no_grad;
  const at::Tensor x = sine_input({2, 1, 16, 32, 32});
  const RepresentationOutput output = network->forward(x);
  EXPECT_EQ(output.representation.sizes(), (at::IntArrayRef{2, 128, 4, 8, 8}));
  EXPECT_TRUE(at::equal(output.logits, network->network()->forward(x).logits));
  EXPECT_TRUE(at::equal(output.logits, network->logits(x)));
  EXPECT_TRUE(
      at::equal(output.representation, network->head()->forward(network->network()->forward(x).features[1])));
}

// The same by torch's modules in a row, with the head's own parameters in their order.
TEST(RepresentationHead, IsThreeConvolutionsWithNormAndReluBetween) {
  RepresentationHead head(32, 64);
  head->to(at::kDouble);
  fill_by_rule(*head);
  using namespace torch::nn;  // NOLINT
  Sequential row(Conv3d(Conv3dOptions(32, 64, 3).padding(1)), GroupNorm(16, 64), ReLU(),
                 Conv3d(Conv3dOptions(64, 64, 3).padding(1)), GroupNorm(16, 64), ReLU(),
                 Conv3d(Conv3dOptions(64, 64, 1)));
  row->to(at::kDouble);
  const torch::NoGradGuard no_grad;
  const auto mine = head->parameters(), theirs = row->parameters();
  ASSERT_EQ(mine.size(), theirs.size());
  for (std::size_t i = 0; i < mine.size(); ++i) theirs[i].copy_(mine[i]);
  const at::Tensor x = sine_input({2, 32, 3, 4, 5});
  EXPECT_LE((head(x) - row->forward(x)).abs().max().item<double>(), 1e-12);
}

}  // namespace
}  // namespace totum
