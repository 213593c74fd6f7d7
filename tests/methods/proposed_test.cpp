#include "methods/proposed.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/error.h"
#include "core/sha256.h"
#include "methods/checkpoint.h"
#include "methods/losses.h"
#include "methods/proposed_options.h"
#include "methods/state.h"
#include "networks/initialise.h"
#include "tests/core/temporary_folder.h"
#include "tests/methods/small_setup.h"
#include "tests/methods/state_access.h"

namespace totum {
namespace {

using nlohmann::json;

json plain() { return {{"aprn", false}, {"aman", false}, {"micpam", false}}; }
json with(json options, const json& more) {
  options.update(more, true);
  return options;
}
// Every voxel of a pseudo-label counts: an untrained refiner is confident of none, and no test would see it.
json small_full() {
  return {{"aprn_network", {{"base", 8}}},
          {"aman_network", {{"base", 4}}},
          {"ramp_epochs", 0},
          {"pseudo", {{"confidence", 0.0}}}};
}

std::unique_ptr<Method> make(const json& options, std::uint64_t seed = 1) {
  return make_proposed(small_setup(seed), JsonReader(options, "options"));
}

std::string network_hash(Method& method) {
  std::string text;
  for (const auto& [name, value] : StateTensors(method, "network.").by_name) {
    const at::Tensor host = value.detach().contiguous();
    text += name + sha256(std::string_view(static_cast<const char*>(host.const_data_ptr()), host.nbytes()));
  }
  return sha256(std::string_view(text));
}

StepReport step(Method& method, std::int64_t iteration = 0, std::int64_t epoch = 5) {
  const Batch batch = small_batch(small_setup(), {0, 2}, static_cast<std::uint64_t>(20 + iteration));
  return method.train_step(batch, {0, iteration, epoch, 10});
}

// With the pseudo-labels' weight at 0 the refiner trains, but nothing of it may reach the main network.
TEST(Proposed, Fidelity5RefinerLossNeverReachesTheMainNetwork) {
  const auto alone = make(plain());
  const auto with_aprn =
      make(with(small_full(), {{"aman", false}, {"micpam", false}, {"pseudo", {{"weight", 0.0}}}}));
  EXPECT_EQ(network_hash(*alone), network_hash(*with_aprn));
  for (std::int64_t i = 0; i < 2; ++i) {
    step(*alone, i);
    step(*with_aprn, i);
  }
  EXPECT_EQ(network_hash(*alone), network_hash(*with_aprn));
}

// The discriminator trains alone when the adversarial loss weighs nothing.
TEST(Proposed, Fidelity5DiscriminatorLossNeverReachesTheMainNetwork) {
  const auto alone = make(plain());
  const auto with_aman =
      make(with(small_full(), {{"aprn", false}, {"micpam", false}, {"adv", {{"weight", 0.0}}}}));
  const std::string before = state_sha256(*with_aman);
  step(*alone);
  step(*with_aman);
  EXPECT_EQ(network_hash(*alone), network_hash(*with_aman));
  EXPECT_NE(state_sha256(*with_aman), before);
}

TEST(Proposed, Fidelity4LabelsOfUnlabelledOrgansChangeNoTrainingLoss) {
  const auto clean = make(small_full());
  const auto noisy = make(small_full());
  Batch batch = small_batch(small_setup(), {0, 2}, 4);
  const StepReport first = clean->train_step(batch, {0, 0, 5, 10});
  batch.label[0].masked_fill_(batch.label[0] == 0, 12);  // ct_a labels 5 to 8
  batch.label[1].masked_fill_(batch.label[1] == 0, 8);   // mr labels 1 to 4 and 10
  const StepReport second = noisy->train_step(batch, {0, 0, 5, 10});
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].second.item<double>(), second[i].second.item<double>()) << first[i].first;
  }
}

TEST(Proposed, Fidelity9RampIsZeroAtFirstHalfAtItsMiddleAndOneAtItsEnd) {
  const ProposedOptions paper = read_proposed_options(JsonReader(json::object(), "options"));
  EXPECT_EQ(ramp(paper, 0, 600), 0.0);
  EXPECT_NEAR(ramp(paper, 25, 600), 0.5, 1e-12);
  EXPECT_EQ(ramp(paper, 50, 600), 1.0);
  EXPECT_EQ(ramp(paper, 599, 600), 1.0);
  const ProposedOptions code = read_proposed_options(JsonReader({{"ramp_epochs", 50}}, "options"));
  EXPECT_EQ(ramp(code, 0, 500), 0.0);
  EXPECT_EQ(ramp(code, 25, 500), 0.5);
  EXPECT_EQ(ramp(code, 50, 500), 1.0);
}

// In epoch 0 of a ramp pseudo-labels and prototypes weigh nothing; from its end on they do.
TEST(Proposed, Fidelity9RampWeighsPseudoLabelsAndPrototypes) {
  const json base = with(small_full(), {{"aman", false}});
  const auto after_step = [&](json options, std::int64_t epoch) {
    const auto method = make(options);
    step(*method, 0, epoch);
    return network_hash(*method);
  };
  const json ramped = with(base, {{"ramp_epochs", 5}});
  EXPECT_EQ(after_step(ramped, 0), after_step(plain(), 0));
  EXPECT_EQ(after_step(ramped, 5), after_step(base, 5));
  EXPECT_NE(after_step(ramped, 5), after_step(plain(), 5));
  const json weighed = with(base, {{"pseudo", {{"weight", 0.4}}}, {"proto", {{"weight", 0.4 * 0.1}}}});
  EXPECT_EQ(after_step(ramped, 2), after_step(weighed, 2));
}

// Both copies are one map that was masked twice, so a copy more is another map, and the sum counts it.
TEST(Proposed, Fidelity10SharedCopiesAreOneMapMaskedTwice) {
  const MethodSetup setup = small_setup();
  AprnOptions options;
  options.base = 8;
  options.mask = "shared";
  options.reduction = "sum";
  Aprn shared(setup, options);
  const Batch batch = small_batch(setup, {0}, 3);
  const at::Tensor p =
      ((at::arange(14 * 32768, at::kFloat) * 0.37).sin() * 2).view({1, 14, 32, 32, 32}).softmax(1);
  const double got = reported(shared.train_step(batch, p, {0, 7, 0, 10}), "aprn");
  ResidualUNet refiner(refiner_shape(8));
  initialise_parameters(*refiner, setup.seed, "aprn");
  at::Tensor masked = p[0].slice(0, 5, 9);
  for (const std::uint64_t copy : {0, 1}) {
    RandomStream random(setup.seed, "block masking", 7, copy);
    masked = mask_random_blocks(masked, random);
  }
  const at::Tensor y =
      organ_maps(batch.label[0], at::tensor({5, 6, 7, 8}, at::kLong).view({4, 1, 1, 1}), at::kFloat);
  const at::Tensor one = at::stack({masked, batch.atlas[0].slice(0, 4, 8)}, 1);
  const at::Tensor both = refiner_loss(refiner->forward(at::cat({one, one})).logits, at::cat({y, y}));
  EXPECT_NEAR(got, both.sum().item<double>(), 1e-5);
}

// Four labelled organs of 0.5 % of the voxels each, an untrained network with uniform softmax.
TEST(Proposed, Fidelity11UntrainedNetworkBeginsNearThePublishedFirstLoss) {
  at::Tensor label = at::zeros({20000}, at::kLong);
  for (std::int64_t k = 0; k < 4; ++k) label.slice(0, 1000 * k, 1000 * k + 100).fill_(5 + k);
  const at::Tensor organs = at::tensor({5, 6, 7, 8}, at::kLong);
  const at::Tensor loss = segmentation_loss(at::zeros({14, 20000}), label, organs, {true, false});
  EXPECT_NEAR(loss.item<double>(), 0.613, 2e-3);
}

TEST(Proposed, Fidelity12PredictionUsesTheMainNetworkAlone) {
  const auto full = make(small_full());
  const auto alone = make(plain());
  const at::Tensor image = small_batch(small_setup(), {0}, 2).image;
  EXPECT_TRUE(at::equal(full->predict(image, Modality::ct), alone->predict(image, Modality::mr)));
  // A trained full method's network, loaded without its other parts.
  step(*full);
  const TemporaryFolder folder;
  save_state(*full, folder.path() / "network.safetensors", {}, {"network.", false});
  load_state(*alone, folder.path() / "network.safetensors", {"network.", false});
  EXPECT_TRUE(at::equal(full->predict(image, Modality::ct), alone->predict(image, Modality::ct)));
}

TEST(Proposed, NetworksStartTheSameWhateverIsSwitchedOn) {
  std::map<std::string, at::Tensor> all;
  const auto full = make(small_full());
  for (const auto& [name, value] : StateTensors(*full).by_name) all[name] = value.detach().clone();
  for (const bool aprn : {false, true}) {
    for (const bool aman : {false, true}) {
      for (const bool micpam : {false, true}) {
        const auto method = make(with(small_full(), {{"aprn", aprn}, {"aman", aman}, {"micpam", micpam}}));
        for (const auto& [name, value] : StateTensors(*method).by_name) {
          EXPECT_TRUE(at::equal(value.detach(), all.at(name))) << name;
        }
      }
    }
  }
}

// The gradients of one image at a time add up to those of all at once; in float64 to the last digits.
TEST(Proposed, ImageByImageSplitOfAprnGivesTheSameStep) {
  const auto together = make(small_full());
  const auto split = make(with(small_full(), {{"aprn_network", {{"by_image", true}}}}));
  for (const auto& method : {together.get(), split.get()}) to_double(*method);
  const Batch batch = to_double(small_batch(small_setup(), {0, 2, 1}, 9));
  const StepReport first = together->train_step(batch, {0, 0, 5, 10});
  const StepReport second = split->train_step(batch, {0, 0, 5, 10});
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_NEAR(first[i].second.item<double>(), second[i].second.item<double>(), 1e-10) << first[i].first;
  }
  const StateTensors other(*split);
  for (const auto& [name, value] : StateTensors(*together).by_name) {
    EXPECT_LT((value.detach() - other.by_name.at(name).detach()).abs().max().item<double>(), 1e-9) << name;
  }
}

// The order matters only through the pseudo-labels: the refiner ends the same, the main network does not.
TEST(Proposed, OrderDecidesWhetherPseudoLabelsComeBeforeOrAfterTheRefinersStep) {
  const auto sequential = make(small_full());
  const auto joint = make(with(small_full(), {{"order", "joint"}}));
  step(*sequential);
  step(*joint);
  const StateTensors other(*joint);
  for (const auto& [name, value] : StateTensors(*sequential, "aprn.").by_name) {
    EXPECT_TRUE(at::equal(value.detach(), other.by_name.at(name).detach())) << name;
  }
  EXPECT_NE(network_hash(*sequential), network_hash(*joint));
}

TEST(Proposed, ReportsWhatEachModuleDoes) {
  const auto names = [](const json& options) {
    std::vector<std::string> found;
    for (const auto& [name, value] : step(*make(options))) found.push_back(name);
    return found;
  };
  using List = std::vector<std::string>;
  EXPECT_EQ(names(plain()), (List{"loss", "seg"}));
  EXPECT_EQ(names(small_full()),
            (List{"loss", "aprn", "refiner_dice", "seg", "pseudo", "adv", "proto", "aman", "aman_accuracy",
                  "prototype_step", "prototype_cosine", "confident_share"}));
  EXPECT_EQ(names(with(small_full(), {{"aprn", false}, {"aman", false}})),
            (List{"loss", "seg", "proto", "prototype_step", "prototype_cosine", "confident_share"}));
}

TEST(Proposed, TrainsWhereEveryOrganIsLabelledAndNoneIsCross) {
  MethodSetup setup = small_setup();
  setup.tasks = {{"all_ct", Modality::ct, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}}};
  const auto method = make_proposed(setup, JsonReader(small_full(), "options"));
  const StepReport report = method->train_step(small_batch(setup, {0, 0}, 3), {0, 0, 5, 10});
  EXPECT_EQ(reported(report, "pseudo"), 0.0);
  EXPECT_EQ(reported(report, "proto"), 0.0);
  EXPECT_EQ(reported(report, "adv"), 0.0);
  for (const auto& [name, value] : report) EXPECT_TRUE(std::isfinite(value.item<double>())) << name;
}

// An organ that a CT task and the MR task label: supervised in both, cross in neither.
TEST(Proposed, TrainsWithAnOrganThatTwoTasksLabel) {
  MethodSetup setup = small_setup();
  setup.tasks[0].organs = {5, 6, 7, 8, 10};
  setup.tasks[1].organs = {6, 9, 11, 12, 13};
  const auto method = make_proposed(setup, JsonReader(small_full(), "options"));
  const StepReport report = method->train_step(small_batch(setup, {0, 1, 2}, 3), {0, 0, 5, 10});
  for (const auto& [name, value] : report) EXPECT_TRUE(std::isfinite(value.item<double>())) << name;
}

TEST(Proposed, HardTargetsKeepTheMaskOfTheSoftMaps) {
  // Without APRN the pseudo-labels are the network's own p; an untrained network is confident of few voxels.
  const auto share = [](const json& pseudo) {
    return reported(step(*make(with(small_full(), {{"aprn", false}, {"aman", false}, {"pseudo", pseudo}}))),
                    "confident_share");
  };
  EXPECT_EQ(share({{"target", "hard"}, {"confidence", 0.1}}),
            share({{"target", "soft"}, {"confidence", 0.1}}));
  EXPECT_LT(share({{"confidence", 0.03}}), 0.9);
  EXPECT_EQ(share({{"confidence", 0.0}}), 1.0);
}

TEST(Proposed, RefusesOptionsThatAreWrong) {
  const std::vector<json> wrong{{{"ramp", {{"from", 0.5}, {"to", 0.2}}}},
                                {{"ramp_epochs", 5}, {"ramp", {{"to", 0.5}}}},
                                {{"ramp_epochs", -1}},
                                {{"aprn", 1}},
                                {{"aprn_network", {{"base", 12}}}},
                                {{"aprn_network", {{"copies", 0}}}},
                                {{"aprn_network", {{"mask", "both"}}}},
                                {{"aprn_network", {{"schedule", "cosine"}}}},
                                {{"aprn_network", {{"reduction", "max"}}}},
                                {{"aman_network", {{"base", 0}}}},
                                {{"adv", {{"weight", -0.1}}}},
                                {{"adv", {{"lr", 0}}}},
                                {{"adv", {{"optimizer", "sgd"}}}},
                                {{"adv", {{"reduction", "max"}}}},
                                {{"proto", {{"scales", {0.1, 0.2}}}}},
                                {{"proto", {{"ema", 1.5}}}},
                                {{"proto", {{"map", "tanh"}}}},
                                {{"proto", {{"update", "epoch"}}}},
                                {{"pseudo", {{"confidence", 0.7}}}},
                                {{"pseudo", {{"target", "medium"}}}},
                                {{"seg", {{"dice", "sum"}}}},
                                {{"order", "random"}},
                                {{"adversarial", true}}};
  for (const json& options : wrong) EXPECT_THROW(make(options), ConfigError) << options;
}

}  // namespace
}  // namespace totum
