#include "methods/micpam.h"

#include <gtest/gtest.h>

#include "tests/methods/small_setup.h"
#include "tests/methods/state_access.h"
#include "tests/parity/parity_fixture.h"

namespace totum {
namespace {

// A 4x4x4 crop of a ct_a image, pseudo-labels .5 + .5 sin(0.11 i), attention logits 3 sin(0.29 i).
TEST(PrototypeLoss, OfOneScaleGivesTheGoldenNumbers) {
  const auto sine = [](double step) { return (at::arange(13 * 64, at::kDouble) * step).sin(); };
  const at::Tensor unlabelled = at::tensor({1, 2, 3, 4, 9, 10, 11, 12, 13}, at::kLong) - 1;
  const at::Tensor pseudo = (0.5 + 0.5 * sine(0.11)).view({13, 64}).index_select(0, unlabelled);
  const at::Tensor attention = (3 * sine(0.29)).view({1, 13, 4, 4, 4});
  for (const auto& [map, golden] : {std::pair{"null-softmax", 0.843003}, std::pair{"sigmoid", 0.379804}}) {
    const at::Tensor t = attention_probability(attention, map)[0].index_select(0, unlabelled).flatten(1);
    EXPECT_NEAR(pseudo_label_loss(t, {pseudo, confidence_mask(pseudo, 0.1)}).item<double>(), golden, 5e-7);
  }
}

TEST(AttentionProbability, NullSoftmaxLeavesRoomForTheBackgroundAndSoftmaxDoesNot) {
  const at::Tensor attention = at::full({1, 13, 1, 1, 1}, -30.0, at::kDouble);
  EXPECT_LT(attention_probability(attention, "null-softmax").sum().item<double>(), 1e-10);
  EXPECT_NEAR(attention_probability(attention, "softmax").sum().item<double>(), 1.0, 1e-12);
  const at::Tensor zero = at::zeros({1, 13, 1, 1, 1}, at::kDouble);
  EXPECT_NEAR(attention_probability(zero, "null-softmax")[0][4].item<double>(), 1.0 / 14, 1e-15);
  EXPECT_NEAR(attention_probability(zero, "softmax")[0][4].item<double>(), 1.0 / 13, 1e-15);
  EXPECT_NEAR(attention_probability(zero, "sigmoid")[0][4].item<double>(), 0.5, 1e-15);
}

class PrototypeParity : public testing::TestWithParam<at::ScalarType> {};

TEST_P(PrototypeParity, UpdateEqualsThePublishedOne) {
  const auto entry = parity::fixture("prototype_update");
  const at::Tensor mask = parity::stored(entry.at("expected"), "mask").to(at::kLong).unsqueeze(0);
  for (const std::string scale : {"1", "2", "3"}) {
    const at::Tensor features = parity::formula_tensor(entry.at("inputs").at("features" + scale), GetParam());
    at::Tensor prototypes = parity::formula_tensor(entry.at("inputs").at("token" + scale), GetParam());
    for (int step = 1; step <= 5; ++step) {
      update_prototypes(prototypes, features, mask, 0.99);
      const std::string key = "step" + std::to_string(step) + "_token" + scale;
      if (!entry.at("tensors").contains(key)) continue;
      parity::expect_matches(prototypes, entry.at("tensors").at(key),
                             parity::stored(entry.at("expected"), key));
    }
  }
}

// All terms of the published total: segmentation, attention maps through a sigmoid, pseudo-labels.
TEST_P(PrototypeParity, PseudoAndPrototypeLossesEqualThePublishedOnes) {
  const auto entry = parity::fixture("loss_pseudo");
  const at::Tensor label = parity::stored(entry.at("expected"), "labels").to(at::kLong).flatten();
  const bool is_double = GetParam() == at::kDouble;
  for (const auto& row : entry.at("cases")) {
    std::vector<std::int64_t> labelled, unlabelled;
    for (std::int64_t c = 1; c <= 13; ++c) {
      const bool is_labelled = row.at("class_mask").at(static_cast<std::size_t>(c)) == 1;
      (is_labelled ? labelled : unlabelled).push_back(c);
    }
    const at::Tensor organs = at::tensor(unlabelled, at::kLong);
    const at::Tensor logits =
        parity::formula_tensor(row.at("inputs").at("logits"), GetParam()).requires_grad_();
    at::Tensor refiner = parity::formula_tensor(row.at("inputs").at("refiner_output"), GetParam());
    if (!row.at("flat_class").is_null()) {  // a class number, from 1
      refiner[row.at("flat_class").get<std::int64_t>() - 1].zero_();
    }
    const at::Tensor soft = refiner.softmax(1).select(1, 1).flatten(1).index_select(0, organs - 1);
    const PseudoLabel pseudo{soft, confidence_mask(soft, 0.1)};
    const double weight = row.at("weight_feature");
    const at::Tensor seg =
        segmentation_loss(logits[0].flatten(1), label, at::tensor(labelled, at::kLong), {true, false});
    const at::Tensor p = logits[0].flatten(1).softmax(0).index_select(0, organs);
    const at::Tensor pseudo_term = weight * pseudo_label_loss(p, pseudo);
    at::Tensor prototype_term = at::zeros({}, logits.options());
    std::vector<at::Tensor> attention;
    const std::array<double, 3> scales = MicpamOptions{}.scales;
    for (std::size_t s = 0; s < 3; ++s) {
      attention.push_back(
          parity::formula_tensor(row.at("inputs").at("attn").at(s), GetParam()).requires_grad_());
      const at::Tensor t =
          attention_probability(attention[s], "sigmoid")[0].flatten(1).index_select(0, organs - 1);
      prototype_term = prototype_term + weight * scales[s] * pseudo_label_loss(t, pseudo);
      const auto& part = row.at("parts").at(s);
      const at::Tensor dice = dice_loss(t, pseudo.map, pseudo.mask).detach();
      for (std::size_t i = 0; i < unlabelled.size(); ++i) {
        EXPECT_NEAR(
            dice[static_cast<std::int64_t>(i)].item<double>(),
            part.at("per_class_dice_loss").at(static_cast<std::size_t>(unlabelled[i] - 1)).get<double>(),
            part.at("atol").get<double>());
      }
    }
    const double atol = row.at("atol");
    parity::expect_value(seg.item<double>(), row.at("seg_term"), atol, is_double);
    parity::expect_value(pseudo_term.item<double>(), row.at("pseudo_label_term"), atol, is_double);
    parity::expect_value(prototype_term.item<double>(), row.at("prototype_term"), atol, is_double);
    const at::Tensor total = seg + pseudo_term + prototype_term;
    parity::expect_value(total.item<double>(), row.at("value"), atol, is_double);
    total.backward();
    parity::expect_gradient(logits.grad(), row.at("gradients").at("logits"));
    for (std::size_t s = 0; s < 3; ++s) {
      parity::expect_gradient(attention[s].grad(), row.at("gradients").at("attn" + std::to_string(s + 1)));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, PrototypeParity, testing::Values(at::kDouble, at::kFloat),
                         [](const auto& test) { return test.param == at::kDouble ? "float64" : "float32"; });

TEST(UpdatePrototypes, PoolsTheVoxelsOfAllImages) {
  at::Tensor prototypes = at::zeros({13, 1}, at::kDouble);
  const at::Tensor features = at::tensor({1.0, 2.0, 6.0, 7.0}, at::kDouble).view({2, 1, 1, 1, 2});
  const at::Tensor classes = at::tensor({3, 3, 3, 0}, at::kLong).view({2, 1, 1, 2});
  update_prototypes(prototypes, features, classes, 0.5);
  EXPECT_NEAR(prototypes[2].item<double>(), 0.5 * 3.0, 1e-15);  // mean of 1, 2, 6
  EXPECT_EQ(prototypes.abs().sum().item<double>(), 1.5);
}

struct UpdateCase {
  MethodSetup setup = small_setup();
  Batch batch;
  UNetOutput output;
  UpdateCase() {
    batch.task = {0};
    batch.label = at::zeros({1, 32, 32, 32}, at::kLong);
    output.logits = at::zeros({1, 14, 32, 32, 32});
    for (std::size_t s = 0; s < 3; ++s) {
      const std::int64_t edge = 2 << s;
      output.features[s] = at::full({1, 64 >> s, edge, edge, edge}, 10.0F);
    }
  }
};

class MicpamAlone final : public Method {
 public:
  explicit MicpamAlone(const MethodSetup& setup, const MicpamOptions& options = {})
      : micpam(setup, options) {}
  StepReport train_step(const Batch&, const StepContext&) override { return {}; }
  at::Tensor predict(const at::Tensor& patch, Modality) override { return patch; }
  void visit_state(StateVisitor& visitor) override { micpam.visit_state(visitor); }
  Micpam micpam;
};

TEST(Proposed, Fidelity7PrototypeMovesByOnePercentOfTheGapWhereTruthAndPredictionOverlap) {
  UpdateCase c;
  c.batch.label.slice(1, 0, 16).fill_(5);
  c.batch.label.slice(1, 16, 24).fill_(6);
  c.batch.label.slice(1, 24, 32).fill_(1);  // not labelled by ct_a
  c.output.logits.select(1, 5).fill_(9);    // right where 5 is, wrong where 6 and 1 are
  c.output.logits.select(1, 2).slice(1, 8, 12).fill_(20);
  MicpamAlone method(c.setup);
  std::map<std::string, at::Tensor> before;
  for (const auto& [name, value] : StateTensors(method, "micpam.prototypes").by_name) {
    before[name] = value.clone();
  }
  ASSERT_EQ(before.size(), 3U);
  const StepReport report = method.micpam.update(c.batch, c.output);
  double distance = 0;
  for (const auto& [name, value] : StateTensors(method, "micpam.prototypes").by_name) {
    for (std::int64_t organ = 1; organ <= 13; ++organ) {
      const at::Tensor old = before[name][organ - 1];
      const at::Tensor expected = organ == 5 ? old + 0.01 * (10.0 - old) : old;
      EXPECT_LT((value[organ - 1] - expected).abs().max().item<double>(), organ == 5 ? 1e-6 : 1e-30)
          << name << " organ " << organ;
    }
    distance += (value - before[name]).norm(2, 1).mean().item<double>() / 3;
  }
  EXPECT_NEAR(reported(report, "prototype_step"), distance, 1e-5);
}

TEST(Proposed, Fidelity7PrototypeStaysWhereTheNetworkIsRightAboutAnOrganOfAnotherTask) {
  UpdateCase c;
  c.batch.label.fill_(1);  // an organ of MR in an image of ct_a
  c.output.logits.select(1, 1).fill_(9);
  MicpamAlone method(c.setup);
  const StepReport report = method.micpam.update(c.batch, c.output);
  EXPECT_EQ(reported(report, "prototype_step"), 0.0);
}

TEST(Micpam, UpdatesImageByImageOrOnceForABatch) {
  UpdateCase c;
  const auto two_images = [](const at::Tensor& x) { return at::cat({x, x + 20}); };
  c.batch.task = {0, 0};
  c.batch.label = at::full({2, 32, 32, 32}, 7, at::kLong);
  c.output.logits = at::cat({c.output.logits, c.output.logits});
  c.output.logits.select(1, 7).fill_(9);
  for (at::Tensor& features : c.output.features) features = two_images(features);  // 10 and 30
  for (const bool by_image : {false, true}) {
    MicpamOptions options;
    options.update = by_image ? "image" : "batch";
    MicpamAlone method(c.setup, options);
    const at::Tensor handle = StateTensors(method).by_name.at("micpam.prototypes3");
    const at::Tensor old = handle[6].clone();
    method.micpam.update(c.batch, c.output);
    const at::Tensor expected = by_image ? 0.99 * (0.99 * old + 0.1) + 0.3 : 0.99 * old + 0.2;
    EXPECT_LT((handle[6] - expected).abs().max().item<double>(), 1e-6) << by_image;
  }
}

TEST(MeanCosineSimilarity, IsOneForParallelAndZeroForOrthogonalRows) {
  EXPECT_NEAR(mean_cosine_similarity(at::tensor({1.0, 2.0, 2.0, 4.0}).view({2, 2})).item<double>(), 1, 1e-6);
  EXPECT_NEAR(mean_cosine_similarity(at::eye(3)).item<double>(), 0, 1e-7);
  EXPECT_NEAR(mean_cosine_similarity(at::tensor({1.0, 0.0, -2.0, 0.0}).view({2, 2})).item<double>(), -1,
              1e-6);
}

TEST(Micpam, PrototypesAreStandardNormalAtFirstAndInTheState) {
  MethodSetup setup = small_setup();
  setup.backbone.base_width = 32;
  MicpamAlone method(setup);
  const StateTensors state(method, "micpam.prototypes");
  ASSERT_EQ(state.order.size(), 3U);
  EXPECT_EQ(state.by_name.at("micpam.prototypes1").sizes(), (at::IntArrayRef{13, 128}));
  const at::Tensor all = at::cat(
      {state.by_name.at("micpam.prototypes1").flatten(), state.by_name.at("micpam.prototypes2").flatten()});
  EXPECT_NEAR(all.mean().item<double>(), 0, 0.08);  // 2496 values: 4 standard errors
  EXPECT_NEAR(all.std().item<double>(), 1, 0.06);
  EXPECT_FALSE(all.requires_grad());
}

}  // namespace
}  // namespace totum
