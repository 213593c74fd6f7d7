#include "networks/prompt_unet.h"

#include <gtest/gtest.h>

#include "tests/networks/filling_rule.h"
#include "tests/networks/module_checks.h"

namespace totum {
namespace {

// Width 16, patch 16x32x32: a bottleneck of 128 channels and 1x2x2 voxels, three tasks.
PromptUNet small_network() {
  PromptUNet network(backbone_shape(14, 16, 1), 3, std::array<std::int64_t, 3>{16, 32, 32});
  network->to(at::kDouble);
  fill_by_rule(*network);
  const torch::NoGradGuard no_grad;
  network->universal_prompt().copy_(sine_input({1, 3, 1, 2, 2}) * 100);
  return network;
}

at::Tensor tasks(const std::vector<std::int64_t>& values) { return at::tensor(values, at::kLong); }

TEST(UniSeg, Fidelity1HasTheParametersOfBackbonePromptFusionAndProjection) {
  const std::array<std::int64_t, 3> patch{64, 192, 192};
  EXPECT_EQ(parameter_count(*PromptUNet(backbone_shape(14, 32, 1), 3, patch)), 17917943);
  EXPECT_EQ(parameter_count(*PromptFusion(256, 3)), 563721);
}

TEST(UniSeg, Fidelity2PromptHasOneChannelForEachTask) {
  const PromptUNet network(backbone_shape(14, 32, 1), 3, std::array<std::int64_t, 3>{64, 192, 192});
  EXPECT_EQ(network->universal_prompt().sizes(), (at::IntArrayRef{1, 3, 4, 12, 12}));
  EXPECT_TRUE(network->universal_prompt().requires_grad());
}

TEST(UniSeg, Fidelity3ATasksPromptDependsOnTheImageAndOnAllPrompts) {
  PromptUNet network = small_network();
  const torch::NoGradGuard no_grad;
  const UNetLevels levels = network->encode(sine_input({2, 1, 16, 32, 32}));
  const at::Tensor prompts = network->prompts(levels);
  ASSERT_EQ(prompts.sizes(), (at::IntArrayRef{2, 3, 1, 2, 2}));
  EXPECT_GT((prompts[0] - prompts[1]).abs().max().item<double>(), 1e-6);  // the image
  for (std::int64_t other = 0; other < 3; ++other) {
    at::Tensor channel = network->universal_prompt()[0][other];
    const at::Tensor kept = channel.clone();
    channel.mul_(-2);
    const at::Tensor changed = network->prompts(levels);
    channel.copy_(kept);
    for (std::int64_t task = 0; task < 3; ++task) {
      EXPECT_GT((changed[0][task] - prompts[0][task]).abs().max().item<double>(), 1e-6) << other << task;
    }
  }
}

TEST(UniSeg, Fidelity4AnotherTaskGivesAnotherOutput) {
  PromptUNet network = small_network();
  const torch::NoGradGuard no_grad;
  const at::Tensor x = sine_input({1, 1, 16, 32, 32});
  const at::Tensor first = network->forward(x, tasks({0}));
  for (const std::int64_t task : {1, 2}) {
    EXPECT_GT((network->forward(x, tasks({task})) - first).abs().max().item<double>(), 1e-9) << task;
  }
}

// With the projection's weights of the prompt at zero the task has no other way in.
TEST(UniSeg, Fidelity5ThePromptEntersAtTheBottleneckOnly) {
  PromptUNet network = small_network();
  const torch::NoGradGuard no_grad;
  for (auto& entry : network->named_parameters()) {
    if (entry.key() == "projection.weight") entry.value().select(1, 128).zero_();
  }
  const at::Tensor x = sine_input({1, 1, 16, 32, 32});
  EXPECT_TRUE(at::equal(network->forward(x, tasks({0})), network->forward(x, tasks({2}))));
}

TEST(UniSeg, Fidelity6FuseHasThreeBlocksOfAQuarterOfTheChannels) {
  const PromptFusion fusion(256, 3);
  std::vector<std::vector<std::int64_t>> shapes;
  for (const at::Tensor& p : fusion->parameters()) shapes.push_back(p.sizes().vec());
  const std::vector<std::vector<std::int64_t>> expected{{64, 259, 3, 3, 3}, {64}, {64}, {64},
                                                        {64, 64, 3, 3, 3},  {64}, {64}, {64},
                                                        {3, 64, 3, 3, 3},   {3},  {3},  {3}};
  EXPECT_EQ(shapes, expected);
}

TEST(UniSeg, Fidelity7GradientsReachThePromptsOfOtherTasks) {
  PromptUNet network = small_network();
  network->forward(sine_input({1, 1, 16, 32, 32}), tasks({1})).square().sum().backward();
  const at::Tensor gradient = network->universal_prompt().grad();
  for (std::int64_t task = 0; task < 3; ++task) {
    EXPECT_GT(gradient[0][task].norm().item<double>(), 0.0) << task;
  }
}

TEST(SelectPrompts, TakesEachImagesOwnChannel) {
  const at::Tensor prompts = at::arange(6, at::kDouble).view({2, 3, 1, 1, 1});
  EXPECT_TRUE(
      at::equal(select_prompts(prompts, tasks({2, 0})).flatten(), at::tensor({2.0, 3.0}, at::kDouble)));
}

// A prompt for 16x32x32 meets a patch of another size.
TEST(PromptUNet, ResizesThePromptToAPatchOfAnotherSize) {
  PromptUNet network = small_network();
  const torch::NoGradGuard no_grad;
  EXPECT_EQ(network->forward(sine_input({1, 1, 32, 32, 48}), tasks({0})).sizes(),
            (at::IntArrayRef{1, 14, 32, 32, 48}));
}

// Of an odd size the bottleneck is rounded up, and so is the prompt.
TEST(PromptUNet, PromptHasTheSizeOfTheBottleneck) {
  for (const std::int64_t stem_stride : {1, 2}) {
    const std::array<std::int64_t, 3> patch{32, 40, 48};
    PromptUNet network(backbone_shape(14, 16, stem_stride), 3, patch);
    fill_by_rule(*network);
    const torch::NoGradGuard no_grad;
    const UNetLevels levels = network->encode(sine_input({2, 1, 32, 40, 48}).to(at::kFloat));
    EXPECT_EQ(network->universal_prompt().sizes().slice(2), levels.back().sizes().slice(2));
  }
}

}  // namespace
}  // namespace totum
