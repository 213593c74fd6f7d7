#include "networks/multi_head_unet.h"

#include <gtest/gtest.h>

#include "tests/networks/filling_rule.h"

namespace totum {
namespace {

TEST(MhNet, Fidelity7EachBranchsProbabilitiesSumToOneBeforeAssembly) {
  MultiHeadUNet network(backbone_shape(0, 16, 2), std::vector<BranchShape>{{"a", 5}, {"b", 6}});
  fill_by_rule(*network);
  const torch::NoGradGuard no_grad;
  const auto probabilities = network->forward(sine_input({2, 1, 16, 32, 32}).to(at::kFloat));
  ASSERT_EQ(probabilities.size(), 2U);
  EXPECT_EQ(probabilities[0].sizes(), (at::IntArrayRef{2, 5, 16, 32, 32}));
  EXPECT_EQ(probabilities[1].sizes(), (at::IntArrayRef{2, 6, 16, 32, 32}));
  for (const at::Tensor& p : probabilities) {
    EXPECT_GE(p.min().item<float>(), 0.0F);
    EXPECT_LE((p.sum(1) - 1).abs().max().item<float>(), 1e-5F);
  }
}

// A network of one branch is the plain network; with the same parameters it gives the same.
TEST(MultiHeadUNet, OneBranchIsTheBackbone) {
  MultiHeadUNet network(backbone_shape(0, 16, 1), std::vector<BranchShape>{{"a", 5}});
  ResidualUNet plain(backbone_shape(5, 16, 1));
  fill_by_rule(*network);
  fill_by_rule(*plain);
  const torch::NoGradGuard no_grad;
  const at::Tensor x = sine_input({2, 1, 16, 16, 32}).to(at::kFloat);
  EXPECT_TRUE(at::equal(network->forward(x)[0], plain->forward(x).logits.softmax(1)));
}

}  // namespace
}  // namespace totum
