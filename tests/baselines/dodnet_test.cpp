#include "baselines/dodnet.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/error.h"
#include "tests/baselines/method_probe.h"

namespace totum {
namespace {

std::unique_ptr<Method> make(const nlohmann::json& options = nlohmann::json::object(),
                             const MethodSetup& setup = undecayed_setup()) {
  return make_dodnet(setup, JsonReader(options, "options"));
}

TEST(DoDNet, Fidelity2TheMethodHasTheParametersOfThreeTasksAndFiveOutputs) {
  const MethodSetup setup = paper_setup();
  const auto method = make(nlohmann::json::object(), setup);
  EXPECT_EQ(parameter_count(*method), 17335900);
  EXPECT_EQ(snapshot(*method).at("network.controller.bias").numel(), 189);
}

// p = (.8,.6,.1,.3), y = (1,1,0,0): 1 - 2·1.4 / (1.8 + 2 + 1); with squares it would be 1 - 2.8 / (1.1 + 2 +
// 1).
TEST(DoDNet, Fidelity8DiceHasNoSquares) {
  const at::Tensor p = at::tensor({0.8, 0.6, 0.1, 0.3}, at::kDouble).view({1, 4});
  const at::Tensor y = at::tensor({1.0, 1.0, 0.0, 0.0}, at::kDouble).view({1, 4});
  EXPECT_NEAR(dodnet_dice_loss(p, y).item<double>(), 0.4167, 5e-5);
  EXPECT_EQ(dodnet_dice_loss(p * 0, y * 0).item<double>(), 1.0);  // the 1 is in the denominator alone
}

TEST(DoDNet, LossOfAnImageIsTheMeanOverItsChannelsOfDicePlusCrossEntropy) {
  const at::Tensor p = at::tensor({0.8, 0.6, 0.1, 0.3}, at::kDouble).view({1, 4});
  const at::Tensor y = at::tensor({1.0, 1.0, 0.0, 0.0}, at::kDouble).view({1, 4});
  // .4167 and .2990 are golden; the second channel says 1/2 everywhere: Dice 1 - 2·1 / (2 + 2 + 1), log 2.
  const at::Tensor logits = at::cat({p.logit(), at::zeros({1, 4}, at::kDouble)});
  EXPECT_NEAR(dodnet_loss(logits, at::cat({y, y})).item<double>(),
              (0.41667 + 0.29900 + 0.6 + std::log(2.0)) / 2, 1e-4);
}

// Channels that an image's task does not use get no gradient: of the last dynamic layer's outputs the fifth
// belongs to mr alone.
TEST(DoDNet, ChannelsThatATaskDoesNotUseEnterNoLoss) {
  const auto bias_gradient = [](std::int64_t task) {
    return first_step(*make(), small_batch(small_setup(), {task}, 1), {0, 0, 0, 10})
        .gradients.at("network.controller.bias");
  };
  const at::Tensor ct = bias_gradient(0);
  const at::Tensor mr = bias_gradient(2);
  EXPECT_EQ(ct[188].item<float>(), 0.0F);
  EXPECT_NE(ct[187].item<float>(), 0.0F);
  EXPECT_NE(mr[188].item<float>(), 0.0F);
}

// In training the code of an image is its task's: the controller's weights of the mr code learn nothing from
// CT crops. In prediction a CT image gets all three codes, so organs of mr too.
TEST(DoDNet, Fidelity9TheMrCodeMeetsCtImagesInPredictionOnly) {
  const auto method = make();
  const StepResult step = first_step(*method, small_batch(small_setup(), {0, 1}, 1), {0, 0, 0, 10});
  const at::Tensor gradient = step.gradients.at("network.controller.weight").flatten(1);  // [189,128+3]
  EXPECT_GT(gradient.select(1, 128).abs().max().item<float>(), 0.0F);
  EXPECT_GT(gradient.select(1, 129).abs().max().item<float>(), 0.0F);
  EXPECT_EQ(gradient.select(1, 130).abs().max().item<float>(), 0.0F);
  const at::Tensor p = method->predict(small_batch(small_setup(), {0}, 1).image, Modality::ct);
  for (const std::int64_t organ : {1, 2, 3, 4, 10}) EXPECT_GT(p.select(1, organ).min().item<float>(), 0.0F);
}

// Organs by owner and ascending place: a controller that says nothing but the biases of its outputs.
TEST(DoDNet, ChannelJOfATaskIsItsJthOrganAscending) {
  const auto method = make();
  TensorVisitor silence([](const std::string& name, at::Tensor& value) {
    const torch::NoGradGuard no_grad;
    if (name == "network.controller.weight") value.zero_();
    if (name == "network.controller.bias") {
      value.zero_();
      value.slice(0, 184).copy_(at::tensor({-4.0, -3.0, -2.0, -1.0, -0.5}));
    }
  });
  method->visit_state(silence);
  const at::Tensor p = method->predict(small_batch(small_setup(), {0}, 1).image, Modality::mr);
  const at::Tensor organs = p.select(0, 0).flatten(1).select(1, 0);  // [14] of one voxel
  const std::map<std::int64_t, double> logits{{5, -4},  {6, -3},  {7, -2},   {8, -1}, {9, -4},
                                              {11, -3}, {12, -2}, {13, -1},  {1, -4}, {2, -3},
                                              {3, -2},  {4, -1},  {10, -0.5}};
  const auto sigma = [](double z) { return 1 / (1 + std::exp(-z)); };
  double total = 1 - sigma(-0.5);
  for (const auto& [organ, z] : logits) total += sigma(z);
  for (const auto& [organ, z] : logits)
    EXPECT_NEAR(organs[organ].item<double>(), sigma(z) / total, 1e-5) << organ;
  EXPECT_NEAR(organs[0].item<double>(), (1 - sigma(-0.5)) / total, 1e-5);
}

// A controller that says nothing but the biases of its outputs: channel j says σ(z_j) everywhere, and every
// sum of the loss is a product.
TEST(DoDNet, LearnsTheJthOrganOfAnImagesTaskInChannelJ) {
  const MethodSetup setup = small_setup();
  const auto method = make();
  const std::vector<double> z{-1.0, 0.5, -0.3, 0.8, -0.6};
  std::vector<double> bias(189, 0.0);
  std::copy(z.begin(), z.end(), bias.begin() + 184);
  set_constant(*method, "network.controller", bias);
  const Batch batch = small_batch(setup, {2, 0, 1}, 1);
  double expected = 0;
  for (std::int64_t b = 0; b < 3; ++b) {
    const auto& organs =
        setup.tasks[static_cast<std::size_t>(batch.task[static_cast<std::size_t>(b)])].organs;
    const double voxels = 32 * 32 * 32;
    for (std::size_t j = 0; j < organs.size(); ++j) {
      const double n = (batch.label[b] == organs[j]).sum().item<double>();
      const double p = 1 / (1 + std::exp(-z[j]));
      const double dice = 1 - 2 * p * n / (p * voxels + n + 1);
      const double entropy = -(n * std::log(p) + (voxels - n) * std::log(1 - p)) / voxels;
      expected += (dice + entropy) / (3.0 * static_cast<double>(organs.size()));
    }
  }
  EXPECT_NEAR(method->train_step(batch, {0, 0, 0, 10})[0].second.item<double>(), expected, 1e-5);
}

TEST(DoDNet, PredictionRunsTheBackboneOnce) {
  const auto method = make();
  const at::Tensor image = small_batch(small_setup(), {0, 2}, 1).image;
  EXPECT_EQ(convolved_images([&] { method->predict(image, Modality::ct); }),
            2 * (kEncoderConvolutions + kDecoderConvolutions));
}

TEST(DoDNet, TakesItsOptions) {
  const auto method = make({{"width", 4}, {"outputs", 7}});
  // 4·4 + 4·4 + 4·7 weights, 4 + 4 + 7 biases.
  EXPECT_EQ(snapshot(*method).at("network.controller.bias").numel(), 75);
  EXPECT_THROW(make({{"outputs", 4}}), ConfigError);  // mr has five organs
  EXPECT_THROW(make({{"width", 0}}), ConfigError);
}

}  // namespace
}  // namespace totum
