// Three whole iterations against the independent twin, in float64, for both presets.

#include <gtest/gtest.h>

#include "methods/proposed.h"
#include "tests/methods/iteration_twin.h"
#include "tests/methods/small_setup.h"
#include "tests/methods/state_access.h"

namespace totum {
namespace {

using nlohmann::json;

constexpr std::int64_t kEpochs = 10;
constexpr std::int64_t kRampEpochs = 4;
constexpr std::array<std::int64_t, 3> kEpochOfIteration{1, 3, 5};

json options_of(bool is_code) {
  json options{
      {"aprn_network", {{"base", 8}}}, {"aman_network", {{"base", 4}}}, {"ramp_epochs", kRampEpochs}};
  if (!is_code) return options;
  options["order"] = "joint";
  options["seg"] = {{"dice", "fourteenth"}};
  options["pseudo"] = {{"weight", 0.1}};
  options["aprn_network"].update({{"mask", "shared"}, {"schedule", "constant"}, {"reduction", "sum"}});
  options["adv"] = {{"weight", 0.001}, {"optimizer", "fresh-adam"}};
  options["proto"] = {{"map", "sigmoid"}, {"update", "image"}};
  return options;
}

std::vector<twin::Image> twin_images(const Batch& batch, const MethodSetup& setup) {
  std::vector<twin::Image> images;
  for (std::int64_t b = 0; b < batch.image.size(0); ++b) {
    const std::int64_t task = batch.task[static_cast<std::size_t>(b)];
    const std::vector<std::int64_t> cross = task == 2 ? std::vector<std::int64_t>{5, 6, 7, 8, 9, 11, 12, 13}
                                                      : std::vector<std::int64_t>{1, 2, 3, 4, 10};
    images.push_back({batch.image[b][0], batch.label[b], batch.atlas[b],
                      setup.tasks[static_cast<std::size_t>(task)].organs, cross});
  }
  return images;
}

// A network that has learned something has voxels that it gets right and confident pseudo-labels; an
// untrained one has neither, and the test would not see prototypes and masks. So the labels are what the
// untrained network says, where the task allows it, and the refiner's head is sharpened.
Batch batch_with_right_voxels(Method& method, const MethodSetup& setup, std::uint64_t seed) {
  Batch batch = to_double(small_batch(setup, {0, 2, 1}, seed));
  const at::Tensor said = method.predict(batch.image, Modality::ct).argmax(1).clone();
  for (std::int64_t b = 0; b < 3; ++b) {
    const Task& task = setup.tasks[static_cast<std::size_t>(batch.task[static_cast<std::size_t>(b)])];
    for (const std::int64_t organ : task.organs) {
      batch.label[b].slice(0, 0, 20).masked_fill_(said[b].slice(0, 0, 20) == organ, organ);
    }
  }
  return batch;
}

class Iteration : public testing::TestWithParam<bool> {};

TEST_P(Iteration, EqualsTheIndependentTwinForThreeIterations) {
  const bool is_code = GetParam();
  MethodSetup setup = small_setup(5);
  setup.epochs = kEpochs;
  const auto method = make_proposed(setup, JsonReader(options_of(is_code), "options"));
  to_double(*method);
  const StateTensors state(*method);
  {
    const torch::NoGradGuard no_grad;
    at::Tensor(state.by_name.at("aprn.decoder.head_conv.weight")).mul_(20);
    at::Tensor(state.by_name.at("network.decoder.head_conv.weight")).mul_(5);
  }
  twin::Settings settings;
  settings.is_code = is_code;
  settings.seed = setup.seed;
  settings.stem_stride = setup.backbone.stem_stride;
  settings.epochs = kEpochs;
  settings.ramp_epochs = kRampEpochs;
  twin::Twin twin(state.by_name, settings);
  for (std::size_t i = 0; i < 3; ++i) {
    const Batch batch = batch_with_right_voxels(*method, setup, 40 + i);
    const auto iteration = static_cast<std::int64_t>(i);
    const StepReport report = method->train_step(batch, {0, iteration, kEpochOfIteration[i], kEpochs});
    const twin::Losses expected = twin.iterate(twin_images(batch, setup), iteration, kEpochOfIteration[i]);
    EXPECT_NEAR(reported(report, "seg"), expected.seg, 1e-9);
    EXPECT_NEAR(reported(report, "pseudo"), expected.pseudo, 1e-9);
    EXPECT_NEAR(reported(report, "adv"), expected.adv, 1e-9);
    EXPECT_NEAR(reported(report, "proto"), expected.proto, 1e-9);
    EXPECT_NEAR(reported(report, "aprn"), expected.aprn, 1e-9);
    EXPECT_NEAR(reported(report, "aman"), expected.aman, 1e-9);
    // What the comparison must not be blind to.
    EXPECT_GT(expected.pseudo, 0.01);
    EXPECT_GT(reported(report, "prototype_step"), 1e-4);
    EXPECT_GT(reported(report, "confident_share"), 0.02);
    EXPECT_LT(reported(report, "confident_share"), 0.98);
  }
  double worst = 0;
  ASSERT_EQ(twin.tensors().size(), state.by_name.size());
  for (const auto& [name, value] : state.by_name) {
    const double difference = (value.detach() - twin.tensors().at(name).detach()).abs().max().item<double>();
    EXPECT_LT(difference, 1e-9) << name;
    worst = std::max(worst, difference);
  }
  RecordProperty("worst_weight_difference", std::to_string(worst));
  std::cout << "worst difference of a weight or prototype: " << worst << "\n";
}

INSTANTIATE_TEST_SUITE_P(Presets, Iteration, testing::Bool(),
                         [](const auto& test) { return test.param ? "PublishedCode" : "Paper"; });

}  // namespace
}  // namespace totum
