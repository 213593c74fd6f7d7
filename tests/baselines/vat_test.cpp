#include "baselines/vat.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "baselines/one_softmax.h"
#include "core/error.h"
#include "networks/residual_unet.h"
#include "tests/baselines/method_probe.h"
#include "tests/methods/state_access.h"

namespace totum {
namespace {

std::unique_ptr<Method> make(const nlohmann::json& options = nlohmann::json::object()) {
  return make_vat(undecayed_setup(), JsonReader(options, "options"));
}

at::Tensor noise_like(const at::Tensor& image, std::uint64_t seed) {
  RandomStream random(seed, "noise");
  at::Tensor values = at::empty_like(image);
  for (std::int64_t i = 0; i < values.numel(); ++i)
    values.data_ptr<float>()[i] = static_cast<float>(random.normal());
  return values;
}

at::Tensor rms(const at::Tensor& d) { return d.square().flatten(1).mean(1).sqrt(); }  // [B]

// A network of two logits, a·x and 0 at every voxel: everything can be written by hand.
at::Tensor two_logits(const at::Tensor& x, double a) { return at::cat({a * x, at::zeros_like(x)}, 1); }

// The backbone as the method has it at its first step.
ResidualUNet first_network() {
  ResidualUNet network(backbone_shape(14, 16, 2));
  copy_parameters(*make(), "network.", *network);
  return network;
}

// Backward passes of convolutions, and how many of them make a gradient for the weights.
struct BackwardCount {
  std::int64_t all = 0, of_weights = 0;
};

BackwardCount convolution_backwards(const std::function<void()>& work) {
  static BackwardCount count;
  count = {};
  const auto handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback([](const at::RecordFunction& call) -> std::unique_ptr<at::ObserverContext> {
        if (std::string_view(call.name()) != "aten::convolution_backward") return nullptr;
        ++count.all;
        count.of_weights += call.inputs()[10].toBoolList().get(1) ? 1 : 0;  // output_mask
        return nullptr;
      }).needsInputs(true));
  work();
  at::removeCallback(handle);
  return count;
}

// One voxel: p = (1/2, 1/2), q = (1/4, 3/4): ½ ln 2 + ½ ln ⅔ = 0.143841. A second voxel without a
// difference, and a second image like the first, and another like both: the mean halves, then stays.
TEST(Vat, Fidelity8TheDivergenceIsTheMeanOverImagesAndVoxels) {
  const at::Tensor p = at::tensor({0.5, 0.5}, at::kDouble).log().view({1, 2, 1, 1, 1});
  const at::Tensor q = at::tensor({0.25, 0.75}, at::kDouble).log().view({1, 2, 1, 1, 1});
  EXPECT_NEAR(local_distributional_smoothness(p, q).item<double>(), 0.14384103622589045, 1e-12);
  const at::Tensor p2 = at::cat({p, p}, 4);
  const at::Tensor q2 = at::cat({q, p}, 4);
  EXPECT_NEAR(local_distributional_smoothness(p2, q2).item<double>(), 0.14384103622589045 / 2, 1e-12);
  EXPECT_NEAR(local_distributional_smoothness(at::cat({p2, p2}), at::cat({q2, q2})).item<double>(),
              0.14384103622589045 / 2, 1e-12);
}

// d KL / d z_q = q - p at each voxel.
TEST(Vat, Fidelity4TheUnperturbedPredictionCarriesNoGradient) {
  at::Tensor p = at::tensor({0.5, 0.5}, at::kDouble).log().view({1, 2, 1, 1, 1}).requires_grad_();
  at::Tensor q = at::tensor({0.25, 0.75}, at::kDouble).log().view({1, 2, 1, 1, 1}).requires_grad_();
  local_distributional_smoothness(p, q).backward();
  EXPECT_FALSE(p.grad().defined());
  EXPECT_NEAR(q.grad().flatten()[0].item<double>(), -0.25, 1e-12);
  EXPECT_NEAR(q.grad().flatten()[1].item<double>(), 0.25, 1e-12);
}

TEST(Vat, Fidelity6TheDivergenceIsNotNegativeAndZeroWithoutAPerturbation) {
  const at::Tensor p = noise_like(at::empty({2, 14, 4, 4, 4}), 1);
  for (std::uint64_t seed = 2; seed < 12; ++seed) {
    EXPECT_GE(local_distributional_smoothness(p, noise_like(p, seed)).item<float>(), 0.0F);
  }
  const Batch batch = small_batch(small_setup(), {0, 2}, 1);
  EXPECT_EQ(reported(make({{"epsilon", 0.0}})->train_step(batch, {0, 0, 0, 10}), "smoothness"), 0.0);
  EXPECT_GT(reported(make()->train_step(batch, {0, 0, 0, 10}), "smoothness"), 0.0);
}

TEST(Vat, AnImagesRootMeanSquareIsTakenAlone) {
  const at::Tensor d = at::tensor({3.0, 4.0, 0.0, 0.0, 6.0, 8.0}, at::kDouble).view({3, 1, 1, 1, 2});
  const at::Tensor unit = unit_rms(d).flatten();  // rms of (3, 4) is √12.5
  EXPECT_NEAR(unit[0].item<double>(), 3 / std::sqrt(12.5), 1e-10);
  EXPECT_NEAR(unit[1].item<double>(), 4 / std::sqrt(12.5), 1e-10);
  EXPECT_EQ(unit[2].item<double>(), 0.0);
  EXPECT_NEAR(unit[5].item<double>(), 4 / std::sqrt(12.5), 1e-10);
}

// The gradient by hand: with σ = sigmoid, voxel v of the network a·x has ∂KL/∂d_v = ξ a (σ(a(x+ξd)) - σ(ax)).
TEST(Vat, ThePerturbationIsTheGradientOfTheDivergenceAtTheProbe) {
  const double a = 1.5, xi = 0.5, epsilon = 0.2;
  const at::Tensor x = at::tensor({-1.0, 0.0, 0.5, 2.0}, at::kDouble).view({1, 1, 1, 1, 4});
  const at::Tensor noise = at::tensor({1.0, -2.0, 0.5, 1.0}, at::kDouble).view({1, 1, 1, 1, 4});
  const auto forward = [&](const at::Tensor& image) { return two_logits(image, a); };
  const at::Tensor found = virtual_adversarial_perturbation(forward, x, forward(x), noise, {xi, epsilon, 1});
  const auto sigmoid = [](double z) { return 1 / (1 + std::exp(-z)); };
  const double noise_rms = std::sqrt((1 + 4 + 0.25 + 1) / 4.0);
  std::array<double, 4> gradient{};
  double squares = 0;
  for (std::size_t v = 0; v < 4; ++v) {
    const double image = x.flatten()[static_cast<std::int64_t>(v)].item<double>();
    const double d = noise.flatten()[static_cast<std::int64_t>(v)].item<double>() / noise_rms;
    gradient[v] = xi * a * (sigmoid(a * (image + xi * d)) - sigmoid(a * image));
    squares += gradient[v] * gradient[v] / 4;
  }
  for (std::size_t v = 0; v < 4; ++v) {
    EXPECT_NEAR(found.flatten()[static_cast<std::int64_t>(v)].item<double>(),
                epsilon * gradient[v] / std::sqrt(squares), 1e-10);
  }
}

TEST(Vat, Fidelity2LookingForTheDirectionLeavesNoGradientInTheParameters) {
  ResidualUNet network = first_network();
  const at::Tensor image = small_batch(small_setup(), {0, 2}, 1).image;
  const auto forward = [&](const at::Tensor& x) { return network->forward(x).logits; };
  const at::Tensor r =
      virtual_adversarial_perturbation(forward, image, forward(image), noise_like(image, 1), {});
  EXPECT_FALSE(r.requires_grad());
  for (const at::Tensor& parameter : network->parameters()) EXPECT_FALSE(parameter.grad().defined());
}

TEST(Vat, Fidelity3EachImagesPerturbationHasTheRootMeanSquareEpsilon) {
  ResidualUNet network = first_network();
  const at::Tensor image =
      small_batch(small_setup(), {0, 2}, 1).image * at::tensor({1.0F, 3.0F}).view({2, 1, 1, 1, 1});
  const auto forward = [&](const at::Tensor& x) { return network->forward(x).logits; };
  for (const double epsilon : {0.1, 0.4}) {
    const at::Tensor r = virtual_adversarial_perturbation(forward, image, forward(image),
                                                          noise_like(image, 1), {0.1, epsilon, 1});
    for (std::int64_t b = 0; b < 2; ++b) EXPECT_NEAR(rms(r)[b].item<double>(), epsilon, 1e-5 * epsilon);
  }
}

TEST(Vat, Fidelity7TheDirectionFoundChangesThePredictionMoreThanRandomOnes) {
  ResidualUNet network = first_network();
  const torch::NoGradGuard no_grad;
  const at::Tensor image = small_batch(small_setup(), {0, 2}, 1).image;
  const auto forward = [&](const at::Tensor& x) { return network->forward(x).logits; };
  const at::Tensor logits = forward(image);
  double found = 0;
  double random = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    at::Tensor r;
    {
      const torch::AutoGradMode with_grad(true);
      r = virtual_adversarial_perturbation(forward, image, logits, noise_like(image, seed), {0.1, 0.05, 1});
    }
    found += local_distributional_smoothness(logits, forward(image + r)).item<double>();
    const at::Tensor other = 0.05 * unit_rms(noise_like(image, 100 + seed));
    random += local_distributional_smoothness(logits, forward(image + other)).item<double>();
  }
  EXPECT_GT(found, 2 * random);
}

// Three forward passes (the image's own, the probe's, the perturbed one) of 35 convolutions with more than
// one input channel; backward three, of which the probe's makes no gradient of a weight. The stem is in all.
TEST(Vat, Fidelity1OnePowerIterationIsTwoForwardPassesOneInputGradientAndOneBackwardMore) {
  const Batch batch = small_batch(small_setup(), {0, 2}, 1);
  const auto method = make();
  EXPECT_EQ(convolved_images([&] {
              method->train_step(batch, {0, 0, 0, 10});
            }),
            2 * 3 * (kEncoderConvolutions + kDecoderConvolutions));
  const BackwardCount one = convolution_backwards([&] { method->train_step(batch, {0, 1, 0, 10}); });
  const std::int64_t convolutions = 1 + kEncoderConvolutions + kDecoderConvolutions;
  EXPECT_EQ(one.all, 3 * convolutions);
  EXPECT_EQ(one.of_weights, 2 * convolutions);
  const auto two = make({{"power_iterations", 2}});
  const BackwardCount more = convolution_backwards([&] { two->train_step(batch, {0, 0, 0, 10}); });
  EXPECT_EQ(more.all, 4 * convolutions);
  EXPECT_EQ(more.of_weights, 2 * convolutions);
}

TEST(Vat, Fidelity5SmoothnessDoesNotDependOnTheLabels) {
  Batch batch = small_batch(small_setup(), {0, 2}, 1);
  const StepReport labelled = make()->train_step(batch, {0, 0, 0, 10});
  batch.label.zero_();
  const StepReport unlabelled = make()->train_step(batch, {0, 0, 0, 10});
  EXPECT_EQ(reported(labelled, "smoothness"), reported(unlabelled, "smoothness"));
  EXPECT_NE(reported(labelled, "seg"), reported(unlabelled, "seg"));
}

// The step's gradient is that of L_seg + α LDS in one graph, with the noise of the method's own stream.
TEST(Vat, AStepFollowsTheGradientOfTheSumOfBothTerms) {
  const Batch batch = small_batch(small_setup(), {0, 2}, 1);
  const auto method = make({{"weight", 3.0}});
  ResidualUNet network = first_network();
  const StepResult step = first_step(*method, batch, {0, 0, 0, 10});
  at::Tensor noise = at::empty_like(batch.image);
  for (std::int64_t b = 0; b < 2; ++b) {
    RandomStream random(1, "vat/noise", 0, static_cast<std::uint64_t>(b));
    for (std::int64_t v = 0; v < noise[b].numel(); ++v)
      noise[b].data_ptr<float>()[v] = static_cast<float>(random.normal());
  }
  const auto forward = [&](const at::Tensor& x) { return network->forward(x).logits; };
  const at::Tensor logits = forward(batch.image);
  const at::Tensor r = virtual_adversarial_perturbation(forward, batch.image, logits, noise, {});
  std::vector<at::Tensor> organs{at::tensor({5, 6, 7, 8}, at::kLong), at::tensor({9, 11, 12, 13}, at::kLong),
                                 at::tensor({1, 2, 3, 4, 10}, at::kLong)};
  const at::Tensor loss = mean_segmentation_loss(logits, batch, organs, {}) +
                          3 * local_distributional_smoothness(logits, forward(batch.image + r));
  loss.backward();
  EXPECT_NEAR(step.loss, loss.item<double>(), 1e-5 * step.loss);
  double largest = 0;
  double worst = 0;
  for (const auto& entry : network->named_parameters()) {
    largest = std::max(largest, entry.value().grad().abs().max().item<double>());
    worst = std::max(
        worst,
        (entry.value().grad() - step.gradients.at("network." + entry.key())).abs().max().item<double>());
  }
  EXPECT_LE(worst, 1e-4 * largest);  // float32 sums in another order
}

TEST(Vat, StartsFromThePlainNetworksWeights) {
  const auto plain = make_vat(undecayed_setup(), JsonReader({{"weight", 0.0}}, "options"));
  EXPECT_EQ(parameter_count(*make_vat(paper_setup(), JsonReader(nlohmann::json::object(), "options"))),
            17286446);
  EXPECT_TRUE(at::equal(snapshot(*plain).at("network.encoder.stem.weight"),
                        snapshot(*make()).at("network.encoder.stem.weight")));
}

TEST(Vat, RefusesImpossibleOptions) {
  EXPECT_THROW(make({{"epsilon", -0.1}}), ConfigError);
  EXPECT_THROW(make({{"xi", 0.0}}), ConfigError);
  EXPECT_THROW(make({{"power_iterations", 0}}), ConfigError);
  EXPECT_THROW(make({{"weight", -1.0}}), ConfigError);
}

}  // namespace
}  // namespace totum
