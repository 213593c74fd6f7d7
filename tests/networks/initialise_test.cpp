#include "networks/initialise.h"

#include <gtest/gtest.h>

#include <cmath>

#include "networks/residual_unet.h"

namespace totum {
namespace {

TEST(InitialiseParameters, FollowsPyTorchsDefaults) {
  ResidualUNet network(backbone_shape(14, 16, 1));
  initialise_parameters(*network, 5, "network");
  for (const auto& entry : network->named_parameters()) {
    const at::Tensor& p = entry.value();
    if (entry.key().find("norm") != std::string::npos) {
      EXPECT_TRUE((p == (entry.key().ends_with("weight") ? 1.0 : 0.0)).all().item<bool>()) << entry.key();
      continue;
    }
    const double fan_in =
        entry.key() == "decoder.head_conv.bias" ? 16.0 : static_cast<double>(p.numel() / p.size(0));
    const double bound = 1 / std::sqrt(fan_in);
    EXPECT_LE(p.abs().max().item<double>(), bound) << entry.key();
    if (p.numel() > 1000) {
      // The variance of a uniform variable is bound²/3; a relative error of 5 / sqrt(n) is five standard
      // errors or more.
      EXPECT_NEAR(p.var().item<double>() / (bound * bound / 3), 1.0,
                  5 / std::sqrt(static_cast<double>(p.numel())))
          << entry.key();
    }
  }
}

TEST(InitialiseParameters, DependsOnSeedAndPurposeAlone) {
  const auto first_weight = [](std::uint64_t seed, const char* purpose) {
    ResidualUNet network(backbone_shape(14, 16, 1));
    initialise_parameters(*network, seed, purpose);
    return network->parameters()[0].detach().clone();
  };
  EXPECT_TRUE(at::equal(first_weight(1, "a"), first_weight(1, "a")));
  EXPECT_FALSE(at::equal(first_weight(1, "a"), first_weight(2, "a")));
  EXPECT_FALSE(at::equal(first_weight(1, "a"), first_weight(1, "b")));
}

}  // namespace
}  // namespace totum
