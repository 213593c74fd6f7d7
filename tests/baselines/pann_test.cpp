#include "baselines/pann.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <set>

#include "baselines/one_softmax.h"
#include "baselines/prior_duals.h"
#include "core/error.h"
#include "methods/checkpoint.h"
#include "methods/proposed.h"
#include "methods/state.h"
#include "networks/residual_unet.h"
#include "tests/baselines/method_probe.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

constexpr std::int64_t kEpochs = 8;  // K: stages begin at epochs 2, 4 and 6

const SmallTrainingData kTrainingData;

std::unique_ptr<Method> make(nlohmann::json options = nlohmann::json::object()) {
  if (!options.contains("prior_crops")) options["prior_crops"] = 2;
  auto method = make_pann(undecayed_setup(), JsonReader(options, "options"));
  method->begin_training(kTrainingData);
  return method;
}

Batch batch_of(std::uint64_t seed) { return small_batch(small_setup(), {0, 2}, seed); }

StepContext at_epoch(std::int64_t epoch) { return {0, 2 * epoch, epoch, kEpochs}; }

std::map<std::string, double> entries(const StepReport& report) {
  std::map<std::string, double> values;
  for (const auto& [name, value] : report) values[name] = value.item<double>();
  return values;
}

bool equal_under(const std::string& prefix, const std::map<std::string, at::Tensor>& a,
                 const std::map<std::string, at::Tensor>& b) {
  for (const auto& [name, tensor] : a) {
    if (name.starts_with(prefix) && !at::equal(tensor, b.at(name))) return false;
  }
  return true;
}

at::Tensor values(std::initializer_list<double> list) { return at::tensor(list, at::kDouble); }

// p̄ of three classes, far from where the duals start.
TEST(Pann, Fidelity1TheDualsSettleWhereTheyAreTheInverseOfTheMeanPrediction) {
  const at::Tensor p = values({0.9, 0.097, 0.003});
  PriorDuals duals = start_duals(values({0.5, 0.3, 0.2}));
  for (int step = 0; step < 2000; ++step) ascend_duals(duals, p, 0.02);
  EXPECT_LE((duals.a.exp() * p - 1).abs().max().item<double>(), 1e-9);
  EXPECT_LE((duals.b.exp() * (1 - p) - 1).abs().max().item<double>(), 1e-9);
}

// An organ that half of the crops hold, from the largest to one of 2e-4: the duals find the mean over crops.
TEST(Pann, TheDualsFindTheMeanOfPredictionsThatVary) {
  const at::Tensor mean = values({0.475, 0.05, 1e-4});
  PriorDuals duals = start_duals(values({0.5, 0.1, 1e-3}));
  RandomStream random(1, "presence");
  at::Tensor total = at::zeros_like(mean);
  constexpr int kSteps = 20000;
  for (int step = 0; step < 2 * kSteps; ++step) {
    ascend_duals(duals, random.chance(0.5) ? 2 * mean : 0 * mean, 0.02);
    if (step >= kSteps) total += (-duals.a).exp() / kSteps;
  }
  EXPECT_LE((total / mean - 1).abs().max().item<double>(), 0.02);
}

// -log .003 = 5.8091; another class of prior 0 and p̄ 0 adds nothing but its outer term, -log 1.
TEST(Pann, Fidelity2TheInnerMaximumIsMinusTheLogarithmOfTheMeanPrediction) {
  const at::Tensor p = values({0.003});
  PriorDuals duals = start_duals(values({1.0}));
  EXPECT_LT(prior_aware_loss(p, duals).item<double>(), 5.0);
  for (int step = 0; step < 3000; ++step) ascend_duals(duals, p, 0.02);
  EXPECT_NEAR(prior_aware_loss(p, duals).item<double>(), 5.8091, 5e-5);
  const double largest = prior_aware_loss(p, duals).item<double>();
  for (const double change : {-0.5, -0.01, 0.01, 0.5}) {
    const PriorDuals other{duals.prior, duals.a + change, duals.b};
    EXPECT_LT(prior_aware_loss(p, other).item<double>(), largest);
  }
}

// With both parts: the maximum is the binary cross entropy of q and p̄.
TEST(Pann, TheInnerMaximumOfAClassIsTheCrossEntropyOfItsSize) {
  PriorDuals duals = start_duals(values({0.2}));
  for (int step = 0; step < 3000; ++step) ascend_duals(duals, values({0.05}), 0.02);
  EXPECT_NEAR(prior_aware_loss(values({0.05}), duals).item<double>(),
              -0.2 * std::log(0.05) - 0.8 * std::log(0.95), 1e-9);
}

TEST(Pann, Fidelity3TheGradientIsTheSameAtEveryVoxelOfAChannel) {
  RandomStream random(1, "p");
  const at::Tensor p =
      uniform({2, 3, 2, 3, 4}, random, -1, 1).to(at::kDouble).softmax(1).detach().requires_grad_();
  const PriorDuals duals{values({0.7, 0.2, 0.1}), values({0.3, 2.0, 4.0}), values({1.0, 0.5, 0.25})};
  prior_aware_loss(p.mean({0, 2, 3, 4}), duals).backward();
  const std::array<double, 3> q{0.7, 0.2, 0.1};
  const std::array<double, 3> nu{-std::exp(0.3), -std::exp(2.0), -std::exp(4.0)};
  const std::array<double, 3> mu{-std::exp(1.0), -std::exp(0.5), -std::exp(0.25)};
  for (std::size_t l = 0; l < 3; ++l) {
    const double expected = (q[l] * nu[l] - (1 - q[l]) * mu[l]) / (2 * 24);
    const at::Tensor gradient = p.grad().select(1, static_cast<std::int64_t>(l));
    EXPECT_LE((gradient - expected).abs().max().item<double>(), 1e-12) << l;
  }
}

TEST(Pann, Fidelity4PredictionsOfThePriorsSizesFeelNoForceAtTheStart) {
  const at::Tensor q = values({0.9, 0.0899, 0.01, 1e-4});
  const PriorDuals duals = start_duals(q);
  EXPECT_LE((q * duals.a.exp() - 1).abs().max().item<double>(), 1e-12);  // q ν = -1
  EXPECT_LE(((1 - q) * duals.b.exp() - 1).abs().max().item<double>(), 1e-12);
  at::Tensor p = q.clone().requires_grad_();
  prior_aware_loss(p, duals).backward();
  EXPECT_LE(p.grad().abs().max().item<double>(), 1e-12);
  // And elsewhere it does: too much of a class is pushed down.
  const PriorDuals moved{q, duals.a - 1, duals.b};
  at::Tensor other = q.clone().requires_grad_();
  prior_aware_loss(other, moved).backward();
  EXPECT_GT(other.grad().min().item<double>(), 0.1);
}

// One step by hand, with the limit of the fall: p̄ = .5, a = 5: 1 - .5 e^5 = -73.2 -> -5; b = 0: 1 - .5 = .5.
TEST(Pann, ADualStepIsLimitedAndStaysInItsRange) {
  PriorDuals duals{values({0.5}), values({5.0}), values({0.0})};
  ascend_duals(duals, values({0.5}), 0.02);
  EXPECT_NEAR(duals.a.item<double>(), 5 - 0.02 * 5, 1e-12);
  EXPECT_NEAR(duals.b.item<double>(), 0.02 * 0.5, 1e-12);
  PriorDuals ends{values({0.5}), values({13.99}), values({0.01})};
  ascend_duals(ends, values({0.0}), 0.02);  // a rises by .02 at most, b: 1 - e^.01 = -.01005
  EXPECT_EQ(ends.a.item<double>(), 14.0);
  EXPECT_NEAR(ends.b.item<double>(), 0.01 + 0.02 * (1 - std::exp(0.01)), 1e-12);
  PriorDuals low{values({0.5}), values({0.01}), values({0.01})};
  ascend_duals(low, values({1.0}), 2.0);
  EXPECT_EQ(low.a.item<double>(), 0.0);
  EXPECT_EQ(start_duals(values({0.0, 1.0})).a[0].item<double>(), 14.0);
}

// Before K/4 the step is the plain network's, to the bit; from K/4 on both terms are there.
TEST(Pann, Fidelity5BeforeTheFirstStageTheNetworkIsThePlainOne) {
  const auto method = make();
  const auto plain = make_proposed(undecayed_setup(),
                                   JsonReader({{"aprn", false}, {"aman", false}, {"micpam", false}}, "test"));
  for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
    const StepReport report =
        method->train_step(batch_of(static_cast<std::uint64_t>(epoch)), at_epoch(epoch));
    plain->train_step(batch_of(static_cast<std::uint64_t>(epoch)), at_epoch(epoch));
    EXPECT_FALSE(entries(report).contains("pseudo"));
    EXPECT_FALSE(entries(report).contains("prior"));
  }
  EXPECT_TRUE(equal_under("network.", snapshot(*plain), snapshot(*method)));
  const auto report = entries(method->train_step(batch_of(2), at_epoch(2)));
  plain->train_step(batch_of(2), at_epoch(2));
  EXPECT_FALSE(equal_under("network.", snapshot(*plain), snapshot(*method)));
  EXPECT_NEAR(report.at("loss"), report.at("seg") + report.at("pseudo") + 0.1 * report.at("prior"), 1e-5);
}

TEST(Pann, Fidelity6TheLabellerChangesAtThreeEpochsOnlyAndIsThenTheNetwork) {
  const auto method = make();
  std::set<std::int64_t> changed;
  auto before = snapshot(*method);
  for (std::int64_t step = 0; step < 2 * kEpochs; ++step) {  // two steps in each epoch
    method->train_step(batch_of(static_cast<std::uint64_t>(step)), {0, step, step / 2, kEpochs});
    auto after = snapshot(*method);
    EXPECT_FALSE(equal_under("network.", before, after));
    if (!equal_under("labeller.", before, after)) {
      EXPECT_EQ(step % 2, 0);
      changed.insert(step / 2);
      for (const auto& [name, tensor] : before) {
        if (!name.starts_with("network.")) continue;
        EXPECT_TRUE(at::equal(tensor, after.at("labeller." + name.substr(8)))) << name;
      }
    }
    before = std::move(after);
  }
  EXPECT_EQ(changed, (std::set<std::int64_t>{2, 4, 6}));
}

// The slow way, voxel by voxel: at the first step of a stage the labeller is the network.
TEST(Pann, Fidelity7PseudoLabelsKeepGivenVoxelsAndNeverNameALabelledOrganElsewhere) {
  const Batch batch = batch_of(4);
  const auto method = make();
  const at::Tensor p = method->predict(batch.image, Modality::ct);  // [B,1+C,D,H,W]
  double sum = 0;
  std::int64_t given = 0;
  const auto probability = p.accessor<float, 5>();
  const auto label = batch.label.accessor<std::int64_t, 4>();
  for (std::int64_t b = 0; b < 2; ++b) {
    const auto organs =
        small_setup().tasks[static_cast<std::size_t>(batch.task[static_cast<std::size_t>(b)])].organs;
    const std::set<std::int64_t> labelled(organs.begin(), organs.end());
    for (std::int64_t z = 0; z < 32; ++z) {
      for (std::int64_t y = 0; y < 32; ++y) {
        for (std::int64_t x = 0; x < 32; ++x) {
          std::int64_t best = label[b][z][y][x];
          given += best > 0 ? 1 : 0;
          for (std::int64_t c = 1; c < 14 && label[b][z][y][x] == 0; ++c) {
            if (!labelled.contains(c) && probability[b][c][z][y][x] > probability[b][best][z][y][x]) best = c;
          }
          sum -= std::log(static_cast<double>(probability[b][best][z][y][x]));
        }
      }
    }
  }
  EXPECT_GT(given, 1000);
  const double voxels = 2 * 32 * 32 * 32;
  EXPECT_NEAR(entries(method->train_step(batch, at_epoch(2))).at("pseudo"), sum / voxels, 1e-5);
}

// Crops of a thousand voxels that hold all organs, whatever the task: of organ c in task t, c + t voxels, one
// more in even crops and one less in odd ones.
class KnownShares final : public TrainingData {
 public:
  explicit KnownShares(std::int64_t empty_task = -1) : empty_task_(empty_task) {}
  [[nodiscard]] std::vector<std::string> case_ids(std::int64_t task) const override {
    return task == empty_task_ ? std::vector<std::string>{} : std::vector<std::string>{"case"};
  }
  [[nodiscard]] TrainingImage crop(const std::string& stream, std::int64_t task,
                                   std::int64_t index) const override {
    EXPECT_NE(task, empty_task_);
    streams.insert(stream);
    last_index = std::max(last_index, index);
    at::Tensor label = at::zeros({1000}, at::kLong);
    std::int64_t place = 0;
    for (std::int64_t c = 1; c <= kOrgans; ++c) {
      const std::int64_t count = c + task + (index % 2 == 0 ? 1 : -1);
      label.slice(0, place, place + count).fill_(c);
      place += count;
    }
    TrainingImage image;
    image.label = label.view({10, 10, 10});
    return image;
  }
  [[nodiscard]] const Geometry& geometry(const std::string&) const override { return geometry_; }
  [[nodiscard]] at::Tensor slices(const std::string&, std::int64_t, std::int64_t) const override {
    return {};
  }
  void augment(at::Tensor&, const std::string&, std::int64_t) const override {}
  [[nodiscard]] std::filesystem::path scratch_folder() const override { return {}; }
  [[nodiscard]] std::filesystem::path gallery_folder() const override { return {}; }
  mutable std::set<std::string> streams;
  mutable std::int64_t last_index = -1;

 private:
  Geometry geometry_{};
  std::int64_t empty_task_;
};

TEST(Pann, Fidelity8EachOrgansPriorComesFromTheTaskThatOwnsIt) {
  const KnownShares data;
  const at::Tensor q = organ_size_prior(data, small_setup().tasks, 4);
  EXPECT_EQ(data.last_index, 3);
  EXPECT_EQ(data.streams, std::set<std::string>{"pann/prior"});
  double sum = 0;
  for (const auto& [task, organs] : std::map<std::int64_t, std::vector<std::int64_t>>{
           {0, {5, 6, 7, 8}}, {1, {9, 11, 12, 13}}, {2, {1, 2, 3, 4, 10}}}) {
    for (const std::int64_t c : organs) {
      EXPECT_NEAR(q[c].item<double>(), static_cast<double>(c + task) / 1000, 1e-12) << c;
      sum += static_cast<double>(c + task) / 1000;
    }
  }
  EXPECT_NEAR(q[0].item<double>(), 1 - sum, 1e-12);
}

TEST(Pann, ThePriorOfATaskWithoutTrainingCasesIsZero) {
  const at::Tensor q = organ_size_prior(KnownShares(1), small_setup().tasks, 2);
  for (const std::int64_t c : {9, 11, 12, 13}) EXPECT_EQ(q[c].item<double>(), 0.0);
  EXPECT_NEAR(q.sum().item<double>(), 1.0, 1e-12);
}

TEST(Pann, Fidelity9DualsAreSavedAndContinueExactly) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "state.safetensors";
  const auto straight = make({{"prior_crops", 3}});
  const auto started = snapshot(*straight);
  straight->train_step(batch_of(1), at_epoch(2));
  save_state(*straight, path, {});
  const auto saved = snapshot(*straight);
  EXPECT_FALSE(at::equal(started.at("dual_a"), saved.at("dual_a")));
  EXPECT_TRUE(at::equal(started.at("prior"), saved.at("prior")));
  const auto continued = make_pann(undecayed_setup(), JsonReader({{"prior_crops", 3}}, "options"));
  load_state(*continued, path);
  continued->begin_training(KnownShares());  // what a checkpoint brought is not estimated again
  for (const char* name : {"prior", "dual_a", "dual_b"})
    EXPECT_TRUE(at::equal(snapshot(*continued).at(name), saved.at(name))) << name;
  for (const auto& method : {straight.get(), continued.get()}) method->train_step(batch_of(2), at_epoch(3));
  EXPECT_EQ(state_sha256(*straight), state_sha256(*continued));
}

// The gradient of a step in a stage is that of L_seg + 3 J_P + 2 J_C, and the duals move after it.
TEST(Pann, AStepFollowsTheGradientOfTheSumOfItsTerms) {
  const Batch batch = batch_of(1);
  const auto method = make({{"lambda_pseudo", 3.0}, {"lambda_prior", 2.0}});
  auto start = snapshot(*method);
  ResidualUNet network(backbone_shape(14, 16, 2));
  copy_parameters(*method, "network.", *network);
  const at::Tensor logits = network->forward(batch.image).logits;
  at::Tensor possible = at::ones({2, 14, 1, 1, 1});
  for (const std::int64_t c : {5, 6, 7, 8}) possible[0][c] = 0;
  for (const std::int64_t c : {1, 2, 3, 4, 10}) possible[1][c] = 0;
  const at::Tensor p = logits.softmax(1);
  const at::Tensor pseudo = at::where(batch.label > 0, batch.label, (p * possible).argmax(1));
  const std::vector<at::Tensor> organs{at::tensor({5, 6, 7, 8}, at::kLong),
                                       at::tensor({9, 11, 12, 13}, at::kLong),
                                       at::tensor({1, 2, 3, 4, 10}, at::kLong)};
  PriorDuals duals{start.at("prior"), start.at("dual_a"), start.at("dual_b")};
  const at::Tensor mean = p.mean({0, 2, 3, 4});
  const at::Tensor loss = mean_segmentation_loss(logits, batch, organs, {}) +
                          3 * -(p.gather(1, pseudo.unsqueeze(1)).log().mean()) +
                          2 * prior_aware_loss(mean, duals);
  loss.backward();
  const StepResult step = first_step(*method, batch, at_epoch(2));
  EXPECT_NEAR(step.loss, loss.item<double>(), 1e-5 * std::abs(step.loss));
  double largest = 0;
  double worst = 0;
  for (const auto& entry : network->named_parameters()) {
    const at::Tensor& found = step.gradients.at("network." + entry.key());
    largest = std::max(largest, entry.value().grad().abs().max().item<double>());
    worst = std::max(worst, (entry.value().grad() - found).abs().max().item<double>());
  }
  EXPECT_LE(worst, 1e-4 * largest);
  ascend_duals(duals, mean, 0.02);
  EXPECT_LE((snapshot(*method).at("dual_a") - duals.a).abs().max().item<double>(), 1e-6);
  EXPECT_LE((snapshot(*method).at("dual_b") - duals.b).abs().max().item<double>(), 1e-6);
}

TEST(Pann, OnlyTheNetworkIsTrainedAndPredicts) {
  const auto method = make_pann(paper_setup(), JsonReader(nlohmann::json::object(), "options"));
  EXPECT_EQ(parameter_count(*method, "network."), 17286446);
  std::int64_t trainable = 0;
  TensorVisitor visitor(
      [&](const std::string&, at::Tensor& value) { trainable += value.requires_grad() ? value.numel() : 0; });
  method->visit_state(visitor);
  EXPECT_EQ(trainable, 17286446);
  const auto small = make();
  EXPECT_EQ(convolved_images([&] { small->predict(batch_of(1).image, Modality::ct); }),
            2 * (kEncoderConvolutions + kDecoderConvolutions));
  EXPECT_EQ(convolved_images([&] { small->train_step(batch_of(1), at_epoch(2)); }),
            4 * (kEncoderConvolutions + kDecoderConvolutions));
}

TEST(Pann, RefusesImpossibleOptionsAndAStepWithoutAPrior) {
  EXPECT_THROW(make({{"stages", {0.5, 1.5}}}), ConfigError);
  EXPECT_THROW(make({{"prior_crops", 0}}), ConfigError);
  EXPECT_THROW(make({{"lambda_prior", -1.0}}), ConfigError);
  EXPECT_THROW(make({{"seg", {{"dice", "thirteenth"}}}}), ConfigError);
  const auto method = make_pann(undecayed_setup(), JsonReader(nlohmann::json::object(), "options"));
  EXPECT_THROW(method->train_step(batch_of(1), at_epoch(0)), c10::Error);
}

}  // namespace
}  // namespace totum
