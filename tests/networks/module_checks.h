#pragma once
// Checks that several networks' tests share.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <array>
#include <cmath>

namespace totum {

inline std::int64_t parameter_count(const torch::nn::Module& module) {
  std::int64_t count = 0;
  for (const at::Tensor& parameter : module.parameters()) count += parameter.numel();
  return count;
}

// Mean, population standard deviation, minimum, maximum, first, last; from the published modules in float64,
// printed to six significant digits.
inline void expect_statistics(const at::Tensor& output, const std::array<double, 6>& golden) {
  const std::array<double, 6> got{output.mean().item<double>(),       output.std(false).item<double>(),
                                  output.min().item<double>(),        output.max().item<double>(),
                                  output.flatten()[0].item<double>(), output.flatten()[-1].item<double>()};
  for (std::size_t i = 0; i < golden.size(); ++i)
    EXPECT_NEAR(got[i], golden[i], 5e-6 * std::abs(golden[i]) + 1e-9) << i;
}

}  // namespace totum
