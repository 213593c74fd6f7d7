#include "networks/prototype_attention.h"

#include <gtest/gtest.h>

#include "tests/networks/filling_rule.h"

namespace totum {
namespace {

struct Golden {
  PrototypeAttention attention{32};
  at::Tensor features = (at::arange(256, at::kDouble) * 0.05).sin().view({1, 32, 2, 2, 2});
  at::Tensor prototypes = (at::arange(13 * 32, at::kDouble) * 0.03).cos().view({13, 32});
  Golden() {
    attention->to(at::kDouble);
    fill_by_rule(*attention);
  }
};

TEST(PrototypeAttention, GivesTheGoldenNumbers) {
  Golden g;
  const at::Tensor a = g.attention->forward(g.features, g.prototypes);
  ASSERT_EQ(a.sizes(), (at::IntArrayRef{1, 13, 2, 2, 2}));
  const std::array<double, 6> golden{-0.0379204, 0.0465365, -0.189850, 0.0416188, -0.0538599, -0.0963431};
  const std::array<double, 6> got{a.mean().item<double>(),       a.std(false).item<double>(),
                                  a.min().item<double>(),        a.max().item<double>(),
                                  a.flatten()[0].item<double>(), a.flatten()[-1].item<double>()};
  for (std::size_t i = 0; i < golden.size(); ++i) EXPECT_NEAR(got[i], golden[i], 1e-6) << i;
}

// Written out with a loop over four heads of eight channels each.
TEST(Proposed, Fidelity8AttentionIsTheMeanOverFourHeads) {
  Golden g;
  const auto p = g.attention->named_parameters();
  const at::Tensor voxels = g.features.flatten(2)[0].t();  // [8 voxels, 32]
  const at::Tensor f = at::layer_norm(voxels, {32}, p["feature_norm.weight"], p["feature_norm.bias"])
                           .matmul(p["feature_projection.weight"].t());
  const at::Tensor q =
      at::layer_norm(g.prototypes, {32}, p["prototype_norm.weight"], p["prototype_norm.bias"])
          .matmul(p["prototype_projection.weight"].t());
  at::Tensor mean = at::zeros({13, 8}, at::kDouble);
  for (std::int64_t head = 0; head < 4; ++head) {
    mean = mean + q.slice(1, 8 * head, 8 * head + 8).matmul(f.slice(1, 8 * head, 8 * head + 8).t()) / 4;
  }
  const at::Tensor got = g.attention->forward(g.features, g.prototypes)[0].flatten(1);
  EXPECT_LT((got - mean).abs().max().item<double>(), 1e-14);
}

TEST(PrototypeAttention, GivesNoGradientToThePrototypesButToAllElse) {
  Golden g;
  const at::Tensor features = g.features.clone().requires_grad_();
  const at::Tensor prototypes = g.prototypes.clone().requires_grad_();
  g.attention->forward(features, prototypes).square().sum().backward();
  EXPECT_FALSE(prototypes.grad().defined());
  EXPECT_GT(features.grad().abs().max().item<double>(), 0.0);
  for (const auto& entry : g.attention->named_parameters()) {
    EXPECT_GT(entry.value().grad().abs().max().item<double>(), 0.0) << entry.key();
  }
}

TEST(Proposed, Fidelity1AttentionHas43904ParametersInThreeModules) {
  std::int64_t count = 0;
  for (const std::int64_t channels : {128, 64, 32}) {
    for (const at::Tensor& parameter : PrototypeAttention(channels)->parameters()) count += parameter.numel();
  }
  EXPECT_EQ(count, 43904);
}

}  // namespace
}  // namespace totum
