#include "baselines/cond_dec.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <set>

#include "core/error.h"
#include "tests/baselines/method_probe.h"

namespace totum {
namespace {

std::unique_ptr<Method> make(const nlohmann::json& options = nlohmann::json::object(),
                             const MethodSetup& setup = undecayed_setup()) {
  return make_cond_dec(setup, JsonReader(options, "options"));
}

TEST(CondDec, Fidelity1HasTheBackbonesParametersAndThoseOfTheConstantMaps) {
  const MethodSetup setup = paper_setup();
  EXPECT_EQ(parameter_count(*make(nlohmann::json::object(), setup)), 17300065);
}

TEST(CondDec, Fidelity3TheEncoderIsThatOfThePlainNetwork) {
  const MethodSetup setup = paper_setup();
  EXPECT_EQ(parameter_count(*make(nlohmann::json::object(), setup), "network.encoder."), 15443424);
}

TEST(CondDec, Fidelity5OrgansOutsideTheTaskAreNeverDrawn) {
  const std::vector<std::int64_t> labelled{1, 2, 3, 4, 10};
  std::map<std::int64_t, int> times;
  constexpr int kDraws = 2000;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    RandomStream random(1, "test", i);
    const auto organs = draw_organs(labelled, 2, random);
    ASSERT_EQ(organs.size(), 2U);
    EXPECT_NE(organs[0], organs[1]);
    for (const std::int64_t organ : organs) ++times[organ];
  }
  ASSERT_EQ(times.size(), 5U);
  for (const auto& [organ, count] : times) {
    EXPECT_NE(std::find(labelled.begin(), labelled.end(), organ), labelled.end()) << organ;
    // Each is drawn with probability 2/5; five standard errors of a share of 2000 are .055.
    EXPECT_NEAR(count / static_cast<double>(kDraws), 0.4, 0.055) << organ;
  }
}

TEST(CondDec, DrawsAnewInEveryIterationAndTheSameForTheSame) {
  const Batch batch = small_batch(small_setup(), {2, 0}, 1);
  std::set<double> losses;
  for (const std::int64_t iteration : {0, 1, 2, 3}) {
    losses.insert(first_step(*make(), batch, {0, iteration, 0, 10}).loss);
  }
  EXPECT_GT(losses.size(), 1U);
  EXPECT_EQ(first_step(*make(), batch, {0, 2, 0, 10}).loss, first_step(*make(), batch, {0, 2, 0, 10}).loss);
}

// Of the decoder's 12 convolutions each runs for 13 organs, of the encoder's each once.
TEST(CondDec, Fidelity7PredictionRunsOneEncoderAndThirteenDecoders) {
  const auto method = make();
  const at::Tensor image = small_batch(small_setup(), {0, 2}, 1).image;
  EXPECT_EQ(convolved_images([&] { method->predict(image, Modality::ct); }),
            2 * (kEncoderConvolutions + 13 * kDecoderConvolutions));
}

// Two images of this size do not fit into one pass for all organs; one does.
TEST(CondDec, PredictsTheSameInSeveralPassesAsInOne) {
  const auto method = make();
  RandomStream random(1, "test");
  const at::Tensor images = uniform({2, 1, 64, 64, 96}, random, -1, 1);
  const at::Tensor several = method->predict(images, Modality::ct).slice(0, 0, 1);
  const at::Tensor one = method->predict(images.slice(0, 0, 1), Modality::ct);
  // Another batch size may take another convolution kernel, so the last digits of float32 differ.
  EXPECT_LE((several - one).abs().max().item<float>(), 1e-4F);
}

TEST(CondDec, RefusesToDrawMoreOrgansThanTheSmallestTaskHas) {
  EXPECT_NO_THROW(make({{"organs_per_crop", 4}}));
  EXPECT_THROW(make({{"organs_per_crop", 5}}), ConfigError);
  EXPECT_THROW(make({{"organs_per_crop", 0}}), ConfigError);
}

// With every organ drawn, the loss of an image is the mean over its
// organs of Dice with squares plus binary cross entropy of its sigmoid, checked on a head that says nothing.
TEST(CondDec, LossIsDicePlusCrossEntropyOfTheDrawnOrgans) {
  const auto method = make({{"organs_per_crop", 4}});
  TensorVisitor silence([](const std::string& name, at::Tensor& value) {
    const torch::NoGradGuard no_grad;
    if (name.starts_with("network.decoder.head_conv")) value.zero_();
  });
  method->visit_state(silence);
  const Batch batch = small_batch(small_setup(), {0}, 1);
  // σ = 1/2 everywhere: cross entropy log 2, Dice 1 - (n + ε) / (N/4 + n + ε) for an organ of n voxels.
  const double voxels = 32 * 32 * 32;
  double expected = 0;
  for (const std::int64_t organ : {5, 6, 7, 8}) {
    const double n = (batch.label == organ).sum().item<double>();
    expected += (std::log(2.0) + 1 - (n + 1e-5) / (voxels / 4 + n + 1e-5)) / 4;
  }
  EXPECT_NEAR(method->train_step(batch, {0, 0, 0, 10})[0].second.item<double>(), expected, 1e-5);
}

}  // namespace
}  // namespace totum
