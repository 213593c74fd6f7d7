#include "baselines/mh_net.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tests/baselines/method_probe.h"

namespace totum {
namespace {

std::unique_ptr<Method> make(const MethodSetup& setup = undecayed_setup()) {
  return make_mh_net(setup, JsonReader(nlohmann::json::object(), "options"));
}

TEST(MhNet, Fidelity1HasThePublishedSizesSumOfParameters) {
  const MethodSetup setup = paper_setup();
  // Encoder 15,443,424, three decoders of 1,842,496, heads of 5, 5 and 6 channels: 720.
  const auto method = make(setup);
  EXPECT_EQ(parameter_count(*method), 20971632);
  EXPECT_EQ(parameter_count(*method, "network.encoder."), 15443424);
}

TEST(MhNet, Fidelity2EncoderGradientsComeFromAllTasks) {
  for (const std::int64_t task : {0, 1, 2}) {
    const StepResult step = first_step(*make(), small_batch(small_setup(), {task}, 1), {0, 0, 0, 10});
    EXPECT_GT(step.gradients.at("network.encoder.stem.weight").norm().item<double>(), 0.0) << task;
    // And of the branches the task's own alone took part.
    const std::string own =
        "network.branch_" + small_setup().tasks[static_cast<std::size_t>(task)].name + ".";
    for (const auto& [name, gradient] : step.gradients)
      EXPECT_TRUE(name.starts_with("network.encoder.") || name.starts_with(own)) << name;
  }
}

// The first batch gives the mr branch momentum, with which a gradient of zero would move it.
TEST(MhNet, Fidelity3ABatchOfCtLeavesTheMrBranchBitIdentical) {
  const auto method = make();
  method->train_step(small_batch(small_setup(), {0, 2}, 1), {0, 0, 0, 10});
  const auto before = snapshot(*method);
  method->train_step(small_batch(small_setup(), {0, 1}, 2), {0, 1, 0, 10});
  int same = 0;
  for (const auto& [name, tensor] : snapshot(*method)) {
    const bool is_mr = name.starts_with("network.branch_mr.");
    EXPECT_EQ(at::equal(tensor, before.at(name)), is_mr) << name;
    same += static_cast<int>(is_mr);
  }
  EXPECT_EQ(same, 37);  // tensors of a decoder: three blocks of 9, one of 6, the head's 4
}

TEST(MhNet, Fidelity4KeepsNoStatisticsOfOtherCrops) {
  for (const auto& [name, tensor] : snapshot(*make())) EXPECT_EQ(name.find("running"), std::string::npos);
  // Two images that share a branch; the loss of one image does not depend on which other stands beside it.
  const Batch one = small_batch(small_setup(), {0, 0}, 1);
  Batch other = one;
  other.image = one.image.clone();
  other.image[1] = one.image[1] * 3 + 1;
  other.label = one.label.clone();
  const double first = first_step(*make(), one_image(one, 0), {0, 0, 0, 10}).loss;
  const double second = first_step(*make(), one_image(other, 1), {0, 0, 0, 10}).loss;
  // Rounding of float32 over 32^3 voxels; shared statistics would change the first digits.
  EXPECT_NEAR(first_step(*make(), other, {0, 0, 0, 10}).loss, (first + second) / 2, 1e-4);
}

TEST(MhNet, Fidelity5PredictionRunsOneEncoderAndThreeDecoders) {
  const auto method = make();
  const at::Tensor image = small_batch(small_setup(), {0, 2}, 1).image;
  EXPECT_EQ(convolved_images([&] { method->predict(image, Modality::ct); }),
            2 * (kEncoderConvolutions + 3 * kDecoderConvolutions));
}

// Whatever the image's modality: the branch whose head is made to claim every voxel owns the organs that win.
TEST(MhNet, Fidelity6CrossModalOrgansComeFromTheOtherModalitysBranch) {
  const MethodSetup setup = small_setup();
  for (std::size_t t = 0; t < 3; ++t) {
    const auto method = make();
    TensorVisitor raise([&](const std::string& name, at::Tensor& value) {
      const torch::NoGradGuard no_grad;
      if (name == "network.branch_" + setup.tasks[t].name + ".head_conv.bias") value.slice(0, 1).add_(20.0);
    });
    method->visit_state(raise);
    for (const Modality modality : {Modality::ct, Modality::mr}) {
      const at::Tensor p = method->predict(small_batch(setup, {0}, 1).image, modality);
      const at::Tensor mass =
          p.index_select(1, at::tensor(setup.tasks[t].organs, at::kLong)).sum(1) / (1 - p.select(1, 0));
      // This branch's organs hold 1 of the sum; the two others, untrained, hold less than 1 each.
      EXPECT_GT(mass.min().item<float>(), 1.0F / 3);
      EXPECT_LT(p.select(1, 0).max().item<float>(), 1e-3F);
    }
  }
}

// By hand on heads that say the same everywhere, each something else.
TEST(MhNet, LossOfAnImageIsThatOfItsOwnBranch) {
  const MethodSetup setup = small_setup();
  const auto method = make();
  const std::vector<std::vector<double>> z{
      {0.4, -0.3, 0.1, 0.7, -0.2}, {-0.5, 0.2, 0.6, -0.1, 0.3}, {0.2, 0.9, -0.4, 0.1, -0.6, 0.5}};
  for (std::size_t t = 0; t < 3; ++t)
    set_constant(*method, "network.branch_" + setup.tasks[t].name + ".head_conv", z[t]);
  const Batch batch = small_batch(setup, {2, 0, 1, 0}, 1);
  double expected = 0;
  for (std::int64_t b = 0; b < 4; ++b) {
    const auto t = static_cast<std::size_t>(batch.task[static_cast<std::size_t>(b)]);
    expected += constant_head_loss(z[t], batch.label[b], setup.tasks[t].organs) / 4;
  }
  EXPECT_NEAR(method->train_step(batch, {0, 0, 0, 10})[0].second.item<double>(), expected, 1e-5);
}

}  // namespace
}  // namespace totum
