#include "networks/contrast_heads.h"

#include <gtest/gtest.h>

#include "networks/initialise.h"

namespace totum {
namespace {

std::int64_t parameters_of(torch::nn::Module& module, const std::string& prefix) {
  std::int64_t count = 0;
  for (const auto& entry : module.named_parameters())
    count += entry.key().starts_with(prefix) ? entry.value().numel() : 0;
  return count;
}

at::Tensor waves(std::int64_t rows, std::int64_t columns) {
  return (at::arange(rows * columns, at::kDouble) * 0.37).sin().view({rows, columns});
}

ContrastHeads small_heads() {
  ContrastHeads heads(8, 3);
  initialise_parameters(*heads, 5, "heads");
  heads->to(at::kDouble);
  return heads;
}

// Linear, batch norm with the batch's own mean and variance (biased), max(x, slope·x), linear.
at::Tensor by_hand(const torch::nn::Module& module, const std::string& name, const at::Tensor& x,
                   double slope) {
  const auto p = module.named_parameters();
  const at::Tensor y = x.matmul(p[name + ".0.weight"].t()) + p[name + ".0.bias"];
  const at::Tensor centred = y - y.mean(0, true);
  const at::Tensor normal = centred / (centred.square().mean(0, true) + 1e-5).sqrt();
  const at::Tensor scaled = normal * p[name + ".1.weight"] + p[name + ".1.bias"];
  return at::maximum(scaled, slope * scaled).matmul(p[name + ".3.weight"].t()) + p[name + ".3.bias"];
}

TEST(ContrastHeads, HaveTheParametersOfThePublishedOnes) {
  ContrastHeads heads(64, 14);
  EXPECT_EQ(parameters_of(*heads, "projection"), 82944);
  EXPECT_EQ(parameters_of(*heads, "prediction"), 132096);
  EXPECT_EQ(parameters_of(*heads, "feature_selector3."), 66561);
  EXPECT_EQ(parameters_of(*heads, "memory_selector13."), 66561);
  EXPECT_EQ(parameters_of(*heads, ""), 82944 + 132096 + 28 * 66561);
}

TEST(ContrastHeads, AreTwoLinearLayersWithBatchNormBetween) {
  ContrastHeads heads = small_heads();
  {
    const torch::NoGradGuard no_grad;
    for (auto& entry : heads->named_parameters()) {
      if (entry.key().find(".1.") != std::string::npos) entry.value().add_(0.3);  // norms that do something
    }
  }
  const at::Tensor x = waves(7, 8);
  const at::Tensor projected = heads->project(x);
  EXPECT_LE((projected - by_hand(*heads, "projection", x, 0.0)).abs().max().item<double>(), 1e-12);
  EXPECT_LE(
      (heads->predict(projected) - by_hand(*heads, "prediction", projected, 0.0)).abs().max().item<double>(),
      1e-12);
  const at::Tensor vectors = waves(5, kContrastWidth);
  for (std::size_t c = 0; c < 3; ++c) {
    const std::string number = std::to_string(c);
    const at::Tensor of_feature =
        by_hand(*heads, "feature_selector" + number, vectors, 0.2).squeeze(1).sigmoid();
    const at::Tensor of_memory =
        by_hand(*heads, "memory_selector" + number, vectors, 0.2).squeeze(1).sigmoid();
    EXPECT_LE((heads->feature_scores(c, vectors) - of_feature).abs().max().item<double>(), 1e-12);
    EXPECT_LE((heads->memory_scores(c, vectors) - of_memory).abs().max().item<double>(), 1e-12);
  }
}

TEST(ContrastHeads, KeepRunningStatisticsThatAreStateAndNoParameters) {
  ContrastHeads heads = small_heads();
  const at::Tensor before = heads->named_buffers()["projection.1.running_mean"].clone();
  heads->project(waves(7, 8));
  EXPECT_FALSE(at::equal(heads->named_buffers()["projection.1.running_mean"], before));
  EXPECT_EQ(heads->named_buffers()["projection.1.num_batches_tracked"].item<std::int64_t>(), 1);
}

}  // namespace
}  // namespace totum
