#include "methods/aman.h"

#include <gtest/gtest.h>

#include "methods/optimiser.h"
#include "tests/methods/small_setup.h"
#include "tests/methods/state_access.h"
#include "tests/parity/parity_fixture.h"

namespace totum {
namespace {

// The module alone, as a method, so that its state can be seen.
class AmanAlone final : public Method {
 public:
  AmanAlone(const MethodSetup& setup, const AmanOptions& options) : aman(setup, options) {}
  StepReport train_step(const Batch&, const StepContext&) override { return {}; }
  at::Tensor predict(const at::Tensor& patch, Modality) override { return patch; }
  void visit_state(StateVisitor& visitor) override { aman.visit_state(visitor); }
  Aman aman;
};

AmanOptions small_options() {
  AmanOptions options;
  options.base = 4;
  return options;
}

at::Tensor some_probability(std::int64_t images) {
  return ((at::arange(images * 14 * 32 * 32 * 32, at::kFloat) * 0.37).sin() * 2)
      .view({images, 14, 32, 32, 32})
      .softmax(1);
}

// Logits of organ c: (sin(c-1), cos(2(c-1))), CT image.
TEST(DiscriminatorLoss, GivesTheGoldenNumbers) {
  const at::Tensor c = at::arange(13, at::kDouble);
  const at::Tensor logits = at::stack({c.sin(), (2 * c).cos()}, 1);
  const OrganTable table(small_setup().tasks, at::kCPU);
  Batch ct;
  ct.task = {0};
  const OrganSets& sets = table.of(ct, 0);
  EXPECT_NEAR(discriminator_loss(logits, sets.is_aligned).mean().item<double>(), 0.732587, 5e-7);
  const at::Tensor adversarial = discriminator_loss(logits, at::ones({13}, at::kLong));
  EXPECT_NEAR(adversarial.index_select(0, sets.cross - 1).mean().item<double>(), 0.903249, 5e-7);
}

class AdversarialParity : public testing::TestWithParam<at::ScalarType> {};

TEST_P(AdversarialParity, LossEqualsThePublishedOne) {
  const auto entry = parity::fixture("loss_adversarial");
  int compared = 0;
  for (const auto& row : entry.at("cases")) {
    if (row.at("name").get<std::string>().starts_with("smoothing")) continue;  // an unused option of the code
    const at::Tensor logits = parity::formula_tensor(row.at("d_output"), GetParam()).requires_grad_();
    const auto ones = std::vector<std::int64_t>(static_cast<std::size_t>(logits.size(0)), 1);
    const at::Tensor target = at::tensor(row.value("labels", ones), at::kLong);
    const at::Tensor loss = discriminator_loss(logits, target).mean();
    parity::expect_value(loss.item<double>(), row.at("value"), row.at("atol"), GetParam() == at::kDouble);
    loss.backward();
    parity::expect_gradient(logits.grad(), row.at("gradients").at("d_output"));
    ++compared;
  }
  EXPECT_GE(compared, 3);
}

INSTANTIATE_TEST_SUITE_P(Precisions, AdversarialParity, testing::Values(at::kDouble, at::kFloat),
                         [](const auto& test) { return test.param == at::kDouble ? "float64" : "float32"; });

std::vector<std::int64_t> list(const at::Tensor& organs) {
  return {organs.data_ptr<std::int64_t>(), organs.data_ptr<std::int64_t>() + organs.numel()};
}

TEST(Proposed, Fidelity6AdversarialLossInvolvesFiveOrgansOnCtAndEightOnMr) {
  const OrganTable table(small_setup().tasks, at::kCPU);
  Batch batch;
  batch.task = {0, 1, 2};
  for (const std::int64_t ct : {0, 1}) {
    EXPECT_EQ(list(table.of(batch, ct).cross), (std::vector<std::int64_t>{1, 2, 3, 4, 10}));
    EXPECT_EQ(list(table.of(batch, ct).judged).size(), 13U);
    EXPECT_EQ(list(table.of(batch, ct).is_aligned),
              (std::vector<std::int64_t>{0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1}));
  }
  EXPECT_EQ(list(table.of(batch, 2).cross), (std::vector<std::int64_t>{5, 6, 7, 8, 9, 11, 12, 13}));
  EXPECT_EQ(list(table.of(batch, 2).is_aligned),
            (std::vector<std::int64_t>{1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0}));
}

// That the loss really reads those organs: its gradient is zero on every other channel.
TEST(Proposed, Fidelity6GradientOfTheAdversarialLossReachesOnlyTheCrossOrgans) {
  const MethodSetup setup = small_setup();
  Aman aman(setup, small_options());
  const Batch batch = small_batch(setup, {1, 2}, 3);
  const at::Tensor p = some_probability(2).requires_grad_();
  aman.adversarial_loss(batch, p).backward();
  const at::Tensor reached = p.grad().abs().flatten(2).sum(2) > 0;  // [B,1+C]
  for (std::int64_t b = 0; b < 2; ++b) {
    const std::vector<std::int64_t> cross = b == 0 ? std::vector<std::int64_t>{1, 2, 3, 4, 10}
                                                   : std::vector<std::int64_t>{5, 6, 7, 8, 9, 11, 12, 13};
    EXPECT_EQ(list(at::nonzero(reached[b]).flatten()), cross);
  }
}

// An organ that both modalities label is a true map in both, and one that nobody labels is neither.
TEST(OrganTable, KeepsOverlappingTasksRight) {
  const std::vector<Task> tasks{
      {"ct_a", Modality::ct, {5, 6}}, {"ct_b", Modality::ct, {6, 9}}, {"mr", Modality::mr, {1, 6}}};
  const OrganTable table(tasks, at::kCPU);
  Batch batch;
  batch.task = {1, 2};
  EXPECT_EQ(list(table.of(batch, 0).labelled), (std::vector<std::int64_t>{6, 9}));
  EXPECT_EQ(list(table.of(batch, 0).unlabelled),
            (std::vector<std::int64_t>{1, 2, 3, 4, 5, 7, 8, 10, 11, 12, 13}));
  EXPECT_EQ(list(table.of(batch, 0).cross), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(list(table.of(batch, 1).cross), (std::vector<std::int64_t>{5, 9}));
  EXPECT_EQ(list(table.of(batch, 0).judged), (std::vector<std::int64_t>{1, 5, 6, 9}));
  EXPECT_EQ(list(table.of(batch, 0).is_aligned), (std::vector<std::int64_t>{0, 1, 1, 1}));
  EXPECT_EQ(list(table.of(batch, 1).is_aligned), (std::vector<std::int64_t>{1, 0, 1, 0}));
  batch.label = at::tensor({0, 1, 5, 6, 9, 13, 0, 1, 5, 6, 9, 13}, at::kLong).view({2, 1, 1, 6});
  EXPECT_TRUE(at::equal(table.known_labels(batch).flatten(),
                        at::tensor({0, 0, 0, 6, 9, 0, 0, 1, 0, 6, 0, 0}, at::kLong)));
}

TEST(Proposed, Fidelity5AdversarialLossGivesAmanNoGradient) {
  const MethodSetup setup = small_setup();
  AmanAlone method(setup, small_options());
  const Batch batch = small_batch(setup, {0, 2}, 3);
  const at::Tensor p = some_probability(2).requires_grad_();
  const at::Tensor loss = method.aman.adversarial_loss(batch, p);
  const StateTensors state(method);
  EXPECT_FALSE(state.by_name.empty());
  for (const auto& [name, value] : state.by_name)
    EXPECT_TRUE(value.requires_grad()) << name;  // unfrozen again
  loss.backward();
  for (const auto& [name, value] : state.by_name) EXPECT_FALSE(value.grad().defined()) << name;
  EXPECT_GT(p.grad().abs().max().item<double>(), 0.0);
}

TEST(Proposed, Fidelity10FirstStepOfAFreshAdamIsTheLearningRateWhereTheGradientIsLarge) {
  const MethodSetup setup = small_setup();
  for (const char* kind : {"fresh-adam", "adam"}) {
    AmanOptions options = small_options();
    options.optimiser = kind;
    AmanAlone method(setup, options);
    const Batch batch = small_batch(setup, {0, 2}, 3);
    for (int step = 0; step < 2; ++step) {
      std::map<std::string, at::Tensor> before;
      for (const auto& [name, value] : StateTensors(method).by_name) before[name] = value.detach().clone();
      method.aman.train_step(batch, some_probability(2));
      double farthest = 0;
      for (const auto& [name, value] : StateTensors(method).by_name) {
        const at::Tensor large = value.grad().abs() > 1e-4;
        const at::Tensor moved = (value.detach() - before[name]).masked_select(large);
        const at::Tensor sign = value.grad().sign().masked_select(large);
        if (moved.numel() > 0) {
          farthest = std::max(farthest, (moved + 1e-4 * sign).abs().max().item<double>());
        }
      }
      // float32 weights of size 0.1 are rounded by 1e-8. A kept Adam is no sign descent from step 2 on.
      if (step == 0 || std::string(kind) == "fresh-adam") {
        EXPECT_LT(farthest, 3e-8);
      } else {
        EXPECT_GT(farthest, 1e-7);
      }
    }
  }
}

TEST(Aman, FreshAdamMovesByTheGoldenNumbers) {
  const at::Tensor weight = at::zeros({5}, at::kDouble).requires_grad_();
  auto adam = make_adam({weight}, {1e-4, 0.0, 0.9});
  weight.mutable_grad() = at::tensor({1e-3, -2.0, 5e-6, 0.0, 1e-9}, at::kDouble);
  adam->step();
  const std::array<double, 5> golden{-1, 1, -0.998, 0, -0.0909};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(weight[static_cast<std::int64_t>(i)].item<double>() * 1e4, golden[i], 5e-5) << i;
  }
}

TEST(Aman, LearnsToTellTheTwoKindsApart) {
  MethodSetup setup = small_setup();
  setup.patch_voxels = {16, 16, 16};
  AmanOptions options = small_options();
  options.learning_rate = 3e-3;
  Aman aman(setup, options);
  Batch batch = small_batch(setup, {0, 2}, 3);
  batch.atlas = batch.atlas.slice(2, 0, 16).slice(3, 0, 16).slice(4, 0, 16);
  // Maps of organs that the modality labels are bright, the others dark.
  at::Tensor p = at::full({2, 14, 16, 16, 16}, 0.05F);
  for (const std::int64_t c : {5, 6, 7, 8, 9, 11, 12, 13}) p[0][c] = 0.9F;
  for (const std::int64_t c : {1, 2, 3, 4, 10}) p[1][c] = 0.9F;
  const double first = reported(aman.train_step(batch, p), "aman");
  StepReport last;
  for (int step = 0; step < 30; ++step) last = aman.train_step(batch, p);
  EXPECT_LT(reported(last, "aman"), 0.5 * first);
  EXPECT_EQ(reported(last, "aman_accuracy"), 1.0);
}

}  // namespace
}  // namespace totum
