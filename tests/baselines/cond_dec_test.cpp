#include "baselines/cond_dec.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <set>

#include "core/error.h"
#include "networks/conditional_decoder.h"
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

// The method's encoder and decoder as modules of their own.
struct Parts {
  explicit Parts(Method& method) {
    copy_parameters(method, "network.encoder.", *encoder);
    copy_parameters(method, "network.decoder.", *decoder);
  }
  // Logits [B,1,D,H,W] of organ c for each image.
  at::Tensor logits(const at::Tensor& image, double organ) {
    const at::Tensor number = at::full({image.size(0)}, -1 + (organ - 1) / 6);
    return decoder(encoder(image), number, image.sizes().slice(2));
  }
  UNetEncoder encoder{backbone_shape(1, 16, 2)};
  ConditionalDecoder decoder{backbone_shape(1, 16, 2)};
};

TEST(CondDec, PredictsEachOrganWithItsOwnNumberOnAnyImage) {
  const auto method = make();
  Parts parts(*method);
  const torch::NoGradGuard no_grad;
  const at::Tensor image = small_batch(small_setup(), {0, 2}, 1).image;
  std::vector<at::Tensor> channels{at::Tensor()};
  for (int c = 1; c <= 13; ++c) {
    channels.push_back(parts.logits(image, c).sigmoid().select(1, 0));
    // An organ with its neighbour's number would be seen:
    if (c == 1) continue;
    EXPECT_GT((channels.back() - channels[channels.size() - 2]).abs().max().item<float>(), 1e-3F) << c;
  }
  const at::Tensor organs = at::stack(std::vector<at::Tensor>(channels.begin() + 1, channels.end()));
  channels[0] = 1 - std::get<0>(organs.max(0));
  const at::Tensor expected = at::stack(channels, 1) / at::stack(channels, 1).sum(1, true);
  for (const Modality modality : {Modality::ct, Modality::mr})
    EXPECT_LE((method->predict(image, modality) - expected).abs().max().item<float>(), 1e-5F);
}

TEST(CondDec, LearnsEachDrawnOrganWithItsOwnNumber) {
  const auto method = make({{"organs_per_crop", 4}});
  TensorVisitor amplify([](const std::string& name, at::Tensor& value) {
    const torch::NoGradGuard no_grad;
    if (name == "network.decoder.head_conv.weight") value.mul_(10);  // an untrained network hardly listens
  });
  method->visit_state(amplify);
  Parts parts(*method);
  const Batch batch = small_batch(small_setup(), {1}, 1);
  // Mean over the organs of Dice plus cross entropy, each organ shown with the number of organ c + shift.
  const auto loss = [&](int shift) {
    const torch::NoGradGuard no_grad;
    double sum = 0;
    for (const int c : {9, 11, 12, 13}) {
      const at::Tensor p = parts.logits(batch.image, c + shift).to(at::kDouble).sigmoid().flatten();
      const at::Tensor y = (batch.label == c).flatten().to(at::kDouble);
      sum += 1 - (2 * (p * y).sum().item<double>() + 1e-5) /
                     ((p * p).sum().item<double>() + y.sum().item<double>() + 1e-5);
      sum -= (y * p.log() + (1 - y) * (1 - p).log()).mean().item<double>();
    }
    return sum / 4;
  };
  const double got = method->train_step(batch, {0, 0, 0, 10})[0].second.item<double>();
  EXPECT_NEAR(got, loss(0), 1e-5);
  EXPECT_GT(std::abs(got - loss(1)), 1e-4);
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
