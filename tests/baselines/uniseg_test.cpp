#include "baselines/uniseg.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "tests/baselines/method_probe.h"

namespace totum {
namespace {

// Stem stride 1: a bottleneck of 2x2x2 voxels. Instance norm of one voxel would forget image and task.
std::unique_ptr<Method> make(const nlohmann::json& options = nlohmann::json::object(),
                             const MethodSetup& setup = undecayed_setup(1)) {
  return make_uniseg(setup, JsonReader(options, "options"));
}

at::Tensor images() { return small_batch(small_setup(), {0, 2}, 1).image; }

// The prompt moves the bottleneck by much, so that tasks differ more than rounding.
void amplify_prompts(Method& method) {
  TensorVisitor amplify([](const std::string& name, at::Tensor& value) {
    const torch::NoGradGuard no_grad;
    if (name == "network.projection.weight") value.select(1, value.size(1) - 1).mul_(100);
  });
  method.visit_state(amplify);
}

TEST(UniSeg, Fidelity1TheMethodHasThePublishedSizesSumOfParameters) {
  const MethodSetup setup = paper_setup();
  EXPECT_EQ(parameter_count(*make(nlohmann::json::object(), setup)), 17917943);
}

TEST(UniSeg, Fidelity2ThePromptIsNormalAtFirstAndLearned) {
  const at::Tensor prompt = snapshot(*make(nlohmann::json::object(), paper_setup())).at("network.prompt");
  ASSERT_EQ(prompt.numel(), 3 * 4 * 12 * 12);
  // 1728 draws: five standard errors of the mean are .12, of the standard deviation .085.
  EXPECT_NEAR(prompt.mean().item<double>(), 0.0, 0.12);
  EXPECT_NEAR(prompt.std().item<double>(), 1.0, 0.085);
  const auto method = make();
  const at::Tensor before = snapshot(*method).at("network.prompt");
  method->train_step(small_batch(small_setup(), {0, 2}, 1), {0, 0, 0, 10});
  EXPECT_TRUE((snapshot(*method).at("network.prompt") != before).all().item<bool>());
}

// FUSE makes the prompts of all tasks, of which an image's own goes on: the others' last norm learns nothing.
TEST(UniSeg, AnImageLearnsWithThePromptOfItsTask) {
  for (const std::int64_t task : {0, 1, 2}) {
    const at::Tensor gradient =
        first_step(*make(), small_batch(small_setup(), {task, task}, 1), {0, 0, 0, 10})
            .gradients.at("network.fusion.norm2.weight");
    for (std::int64_t t = 0; t < 3; ++t) EXPECT_EQ(gradient[t].item<float>() != 0, t == task) << t << task;
  }
}

// 23 convolutions of the encoder, 3 of FUSE once for all tasks; projection and decoder once for each.
TEST(UniSeg, Fidelity8TheEncoderRunsOnceForAllThreeTasks) {
  const auto method = make();
  EXPECT_EQ(convolved_images([&] { method->predict(images(), Modality::ct); }),
            2 * (kEncoderConvolutions + 3 + 3 * (1 + kDecoderConvolutions)));
  // Prompts of the image: two CT tasks, one MR task.
  const auto by_image = make({{"prompt", "image"}});
  EXPECT_EQ(convolved_images([&] { by_image->predict(images(), Modality::ct); }),
            2 * (kEncoderConvolutions + 3 + 2 * (1 + kDecoderConvolutions)));
  EXPECT_EQ(convolved_images([&] { by_image->predict(images(), Modality::mr); }),
            2 * (kEncoderConvolutions + 3 + 1 * (1 + kDecoderConvolutions)));
}

// The same network with its tasks given other modalities shows each prompt's own probabilities.
TEST(UniSeg, ImagePromptOnCtIsTheMeanOfBothCtPrompts) {
  const auto on_ct = [](const std::array<Modality, 3>& modalities) {
    MethodSetup setup = undecayed_setup(1);
    for (std::size_t t = 0; t < 3; ++t) setup.tasks[t].modality = modalities[t];
    const auto method = make({{"prompt", "image"}}, setup);
    amplify_prompts(*method);
    return method->predict(images(), Modality::ct);
  };
  const at::Tensor first = on_ct({Modality::ct, Modality::mr, Modality::mr});
  const at::Tensor second = on_ct({Modality::mr, Modality::ct, Modality::mr});
  const at::Tensor both = on_ct({Modality::ct, Modality::ct, Modality::mr});
  EXPECT_GT((first - second).abs().max().item<float>(), 1e-3F);
  EXPECT_LE((both - (first + second) / 2).abs().max().item<float>(), 1e-5F);
}

// A task that is CT's only one shows its prompt's probabilities; its organs' ratios are those of the owner's.
TEST(UniSeg, OwnerPromptShowsEachOrganWithItsOwnTasksPrompt) {
  const auto owner = make();
  amplify_prompts(*owner);
  const at::Tensor by_owner = owner->predict(images(), Modality::mr);
  for (std::size_t t = 0; t < 3; ++t) {
    MethodSetup setup = undecayed_setup(1);
    for (std::size_t other = 0; other < 3; ++other)
      setup.tasks[other].modality = other == t ? Modality::ct : Modality::mr;
    const auto alone = make({{"prompt", "image"}}, setup);
    amplify_prompts(*alone);
    const at::Tensor by_task = alone->predict(images(), Modality::ct);
    for (std::size_t shown = 0; shown < 3; ++shown) {
      const at::Tensor index = at::tensor(setup.tasks[shown].organs, at::kLong);
      const auto ratio = [&](const at::Tensor& p) {
        const at::Tensor part = p.index_select(1, index);
        return part / part.sum(1, true);
      };
      const float difference = (ratio(by_owner) - ratio(by_task)).abs().max().item<float>();
      EXPECT_EQ(difference < 1e-5F, shown == t) << shown << t << " " << difference;
    }
  }
}

TEST(UniSeg, OwnerPromptsDoNotDependOnTheModality) {
  const auto method = make();
  EXPECT_TRUE(at::equal(method->predict(images(), Modality::ct), method->predict(images(), Modality::mr)));
}

// P_c of organ c in owner mode, divided by its sum, is softmax of the owner's prompt. On MR the image's
// prompt is that of the one MR task, so organs of mr must have the same ratio to one another in both modes.
TEST(UniSeg, OwnerPromptTakesEachOrganFromItsOwner) {
  const auto owner = make();
  const auto image = make({{"prompt", "image"}});
  amplify_prompts(*owner);
  amplify_prompts(*image);
  const at::Tensor organs = at::tensor({1, 2, 3, 4, 10}, at::kLong);
  const auto ratio = [&](const at::Tensor& p, const at::Tensor& index) {
    const at::Tensor part = p.index_select(1, index);
    return part / part.sum(1, true);
  };
  const at::Tensor by_owner = owner->predict(images(), Modality::mr);
  const at::Tensor by_image = image->predict(images(), Modality::mr);
  EXPECT_LE((ratio(by_owner, organs) - ratio(by_image, organs)).abs().max().item<float>(), 1e-5F);
  const at::Tensor ct = at::tensor({5, 6, 7, 8}, at::kLong);
  EXPECT_GT((ratio(by_owner, ct) - ratio(by_image, ct)).abs().max().item<float>(), 1e-4F);
}

TEST(UniSeg, TaskSlicesHaveAsManyChannelsAsTheLargestTaskNeeds) {
  const auto method = make({{"output", "task-slices"}});
  EXPECT_EQ(snapshot(*method).at("network.decoder.head_conv.bias").numel(), 6);
  // A CT task has four organs: the sixth channel gets no gradient from it.
  const at::Tensor gradient =
      first_step(*make({{"output", "task-slices"}}), small_batch(small_setup(), {0}, 1), {0, 0, 0, 10})
          .gradients.at("network.decoder.head_conv.bias");
  EXPECT_EQ(gradient[5].item<float>(), 0.0F);
  EXPECT_GT(gradient.slice(0, 0, 5).abs().min().item<double>(), 1e-4);
}

// By hand on a head that says the same everywhere: channels 0..|L_t| are the task's, in its organs' order.
TEST(UniSeg, TaskSlicesLearnAndShowTheFirstChannels) {
  const MethodSetup setup = small_setup();
  const auto method = make({{"output", "task-slices"}});
  const std::vector<double> z{0.3, -0.2, 0.5, 0.1, -0.4, 0.2};
  set_constant(*method, "network.decoder.head_conv", z);
  const at::Tensor p = method->predict(images(), Modality::mr).select(0, 0).flatten(1).select(1, 0);
  std::vector<double> expected(14);
  expected[0] = 1;
  for (const Task& task : setup.tasks) {
    double total = 0;
    for (std::size_t j = 0; j <= task.organs.size(); ++j) total += std::exp(z[j]);
    expected[0] = std::min(expected[0], std::exp(z[0]) / total);
    for (std::size_t j = 0; j < task.organs.size(); ++j)
      expected[static_cast<std::size_t>(task.organs[j])] = std::exp(z[j + 1]) / total;
  }
  double sum = 0;
  for (const double value : expected) sum += value;
  for (std::size_t c = 0; c < 14; ++c)
    EXPECT_NEAR(p[static_cast<std::int64_t>(c)].item<double>(), expected[c] / sum, 1e-6) << c;

  const Batch batch = small_batch(setup, {0, 2}, 1);
  const std::vector<double> first(z.begin(), z.begin() + 5);
  const double loss = (constant_head_loss(first, batch.label[0], setup.tasks[0].organs) +
                       constant_head_loss(z, batch.label[1], setup.tasks[2].organs)) /
                      2;
  EXPECT_NEAR(method->train_step(batch, {0, 0, 0, 10})[0].second.item<double>(), loss, 1e-5);
}

TEST(UniSeg, TaskSlicesWithTheImagesPromptCannotFindOrgansOfTheOtherModality) {
  const auto method = make({{"output", "task-slices"}, {"prompt", "image"}});
  const at::Tensor p = method->predict(images(), Modality::ct);
  for (const std::int64_t organ : {1, 2, 3, 4, 10}) EXPECT_EQ(p.select(1, organ).max().item<float>(), 0.0F);
  for (const std::int64_t organ : {5, 6, 7, 8, 9, 11, 12, 13})
    EXPECT_GT(p.select(1, organ).min().item<float>(), 0.0F);
}

// L_seg's form changes the loss: Σ Dice / 14 in place of the mean over L.
TEST(UniSeg, TakesTheFormOfTheSegmentationLoss) {
  const Batch batch = small_batch(small_setup(), {0, 2}, 1);
  const StepContext context{0, 0, 0, 10};
  const double mean = first_step(*make(), batch, context).loss;
  const double fourteenth = first_step(*make({{"seg", {{"dice", "fourteenth"}}}}), batch, context).loss;
  const double marginal = first_step(*make({{"seg", {{"ce", "marginal"}}}}), batch, context).loss;
  // The Dice losses of an untrained softmax over 14 are near 1, so the two differ by about 1 - 4.5/14.
  EXPECT_NEAR(mean - fourteenth, 1 - 4.5 / 14, 0.15);
  EXPECT_NE(mean, marginal);
  EXPECT_THROW(make({{"output", "task-slices"}, {"seg", {{"ce", "marginal"}}}}), ConfigError);
}

TEST(UniSeg, RefusesValuesThatItDoesNotKnow) {
  EXPECT_THROW(make({{"output", "all"}}), ConfigError);
  EXPECT_THROW(make({{"prompt", "task"}}), ConfigError);
}

}  // namespace
}  // namespace totum
