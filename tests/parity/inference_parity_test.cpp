// Gaussian importance maps and sliding-window aggregation against the published evaluation script.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "evaluation/sliding_window.h"
#include "tests/parity/parity_fixture.h"

namespace totum {
namespace {

using parity::fixture;

TEST(InferenceParity, GaussianMapsEqualThePublishedOnes) {
  const auto entry = fixture("gaussian_maps");
  for (const auto& [name, row] : entry.at("tensors").items()) {
    const auto shape = row.at("shape").get<WindowSize>();
    const at::Tensor expected = parity::stored(entry.at("expected"), name);
    const at::Tensor got = gaussian_importance(shape).to(at::kDouble);
    const at::Tensor excess = (got - expected).abs() - row.at("rtol").get<double>() * expected.abs();
    EXPECT_LE(excess.max().item<double>(), 0.0) << name;
  }
}

// The fixture's network: a convolution with zero padding, plus a term with the mean of the window, so that
// the result depends on where the windows lie.
at::Tensor fixture_network(const at::Tensor& window, double gain) {
  const auto type = window.scalar_type();
  const at::Tensor weight = parity::formula_parameter({4, 1, 3, 3, 3}, "weight", 0, gain, type);
  const at::Tensor bias = parity::formula_parameter({4}, "bias", 1, gain, type);
  const at::Tensor mean = window.flatten(1).mean(1).view({-1, 1, 1, 1, 1});
  const at::Tensor channel = at::arange(1, 5, window.options()).view({1, 4, 1, 1, 1});
  return at::conv3d(window, weight, bias, 1, 1) + 0.1 * channel * mean;
}

TEST(InferenceParity, SlidingWindowEqualsThePublishedAggregation) {
  const auto entry = fixture("sliding_window");
  int compared = 0;
  for (const auto& row : entry.at("cases")) {
    // Mirrored prediction belongs to no method here, and DoDNet's variant takes other weights and strides.
    if (row.value("mirror_tta", false) || !row.contains("tile") || row.at("name") == "dodnet_variant")
      continue;
    const std::string key = row.at("expected_key");
    SlidingWindow options;
    options.window = row.at("tile").get<WindowSize>();
    options.stride = row.at("stride_dhw").get<WindowSize>();
    for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
      const at::Tensor volume = parity::formula_tensor(row.at("volume"), type);
      const at::Tensor mean = sliding_window_mean(volume, options, [&](const at::Tensor& window) {
                                return fixture_network(window, entry.at("weight_gain"));
                              }).unsqueeze(0);
      parity::expect_matches(type == at::kFloat ? mean.to(at::kFloat) : mean, entry.at("tensors").at(key),
                             parity::stored(entry.at("expected"), key));
    }
    ++compared;
  }
  EXPECT_GT(compared, 0);
  std::cout << "compared " << compared << " volumes\n";
}

}  // namespace
}  // namespace totum
