#include "experiments/trainer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <array>
#include <fstream>
#include <limits>
#include <map>
#include <set>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "experiments/registry.h"
#include "experiments/run_worker.h"
#include "experiments/train_log.h"
#include "experiments/training_source.h"
#include "methods/checkpoint.h"
#include "methods/state.h"
#include "tests/core/temporary_folder.h"
#include "tests/experiments/tiny_training.h"

namespace totum {
namespace {

// Parts as another method's, no training: counts how many patches of each case the trainer hands out.
class Counting final : public Method {
 public:
  explicit Counting(std::vector<TrainingPart> parts) : parts_(std::move(parts)) {}
  StepReport train_step(const Batch& batch, const StepContext&) override {
    for (const std::string& id : batch.case_id) ++patches[id];
    return {{"loss", at::scalar_tensor(1.0)}};
  }
  at::Tensor predict(const at::Tensor& patch, Modality) override {
    return at::full({patch.size(0), 1 + kOrgans, patch.size(2), patch.size(3), patch.size(4)}, 1.0 / 14.0);
  }
  void visit_state(StateVisitor& visitor) override { visitor.counter("steps", steps_); }
  [[nodiscard]] std::vector<TrainingPart> parts() const override { return parts_; }
  std::map<std::string, std::int64_t> patches;  // by case id

 private:
  std::vector<TrainingPart> parts_;
  std::int64_t steps_ = 0;
};

// Its three networks together get of each case as many patches as any other method gets.
TEST(Single, Fidelity3PatchesOfEachCaseEqualThoseOfOtherMethods) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "cache", {16, 16, 18});
  const RunRecord record = tiny_record("single");
  Counting single(make_tiny(record)->parts());
  Counting other(make_tiny(tiny_record("mh_net"))->parts());
  ASSERT_EQ(single.parts().size(), 3U);
  ASSERT_EQ(other.parts().size(), 1U);
  const auto all = train(single, {record, data, folder.path() / "a"}, *make_silent_progress());
  EXPECT_EQ(all.patches, train(other, {record, data, folder.path() / "b"}, *make_silent_progress()).patches);
  EXPECT_EQ(single.patches, other.patches);
  for (const auto& [id, patches] : single.patches) EXPECT_EQ(patches, record.preset.schedule.epochs) << id;
}

// Two parts whose weights count their steps. A part finds an organ of its task at one of its validations, and
// nothing at the others.
class PeakingOnce final : public Method {
 public:
  StepReport train_step(const Batch&, const StepContext& context) override {
    weights[static_cast<std::size_t>(context.part)].add_(1);
    return {{"loss", at::scalar_tensor(1.0)}};
  }
  at::Tensor predict(const at::Tensor& patch, Modality) override { return at::zeros_like(patch); }
  at::Tensor predict_part(std::int64_t part, const at::Tensor& patch, Modality) override {
    const auto p = static_cast<std::size_t>(part);
    const auto steps = weights[p].item<std::int64_t>();
    if (validated[p].empty() || validated[p].back() != steps) validated[p].push_back(steps);
    at::Tensor said = at::zeros({patch.size(0), 1 + kOrgans, patch.size(2), patch.size(3), patch.size(4)});
    const bool peaks = validated[p].size() == peak[p] + 1;
    said.select(1, peaks ? tiny_tasks()[p].organs[0] : 0).fill_(1);
    return said;
  }
  void visit_state(StateVisitor& visitor) override {
    visitor.tensor("a/weight", weights[0]);
    visitor.tensor("b/weight", weights[1]);
  }
  [[nodiscard]] std::vector<TrainingPart> parts() const override { return {{"a", {0}}, {"b", {1}}}; }

  std::array<at::Tensor, 2> weights{at::zeros({}), at::zeros({})};
  std::array<std::vector<std::int64_t>, 2> validated;  // steps of each part at its validations
  static constexpr std::array<std::size_t, 2> peak{1, 2};
};

TEST(Trainer, EachPartEndsWithItsOwnBestWeights) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "cache", {16, 16, 18});
  PeakingOnce method;
  RunRecord record = tiny_record("single");
  record.preset.schedule.epochs = 8;
  (void)train(method, {record, data, folder.path() / "run"}, *make_silent_progress());
  for (std::size_t p = 0; p < 2; ++p) {
    ASSERT_GE(method.validated[p].size(), 4U);
    EXPECT_EQ(method.weights[p].item<std::int64_t>(), method.validated[p][PeakingOnce::peak[p]]) << p;
    EXPECT_LT(method.weights[p].item<std::int64_t>(), method.validated[p].back()) << p;
  }
}

// Writes down when begin_training was called.
class Beginning final : public Method {
 public:
  void begin_training(const TrainingData&) override {
    ++begun;
    steps_at_beginning = steps_;
  }
  StepReport train_step(const Batch&, const StepContext&) override {
    EXPECT_EQ(begun, 1);
    ++steps_;
    return {{"loss", at::scalar_tensor(1.0)}};
  }
  at::Tensor predict(const at::Tensor& patch, Modality) override {
    return at::full({patch.size(0), 1 + kOrgans, patch.size(2), patch.size(3), patch.size(4)}, 1.0 / 14.0);
  }
  void visit_state(StateVisitor& visitor) override { visitor.counter("steps", steps_); }
  int begun = 0;
  std::int64_t steps_at_beginning = -1;

 private:
  std::int64_t steps_ = 0;
};

TEST(Trainer, BeginsOnceInEachProcessAfterTheCheckpointIsLoaded) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "cache", {16, 16, 18});
  const RunRecord record = tiny_record("proposed");
  Beginning first;
  int questions = 0;
  const auto stop_before_the_sixth = [&] { return ++questions > 5; };
  EXPECT_THROW(
      train(first, {record, data, folder.path() / "run", stop_before_the_sixth}, *make_silent_progress()),
      Interrupted);
  EXPECT_EQ(first.begun, 1);
  EXPECT_EQ(first.steps_at_beginning, 0);
  Beginning second;
  (void)train(second, {record, data, folder.path() / "run"}, *make_silent_progress());
  EXPECT_EQ(second.begun, 1);
  EXPECT_EQ(second.steps_at_beginning, 5);
}

// Multiplies matrices of 2x3 and 3x4 once in epoch 0, twice in epoch 1, and so on: 24 multiply-adds each
// time.
class Working final : public Method {
 public:
  StepReport train_step(const Batch&, const StepContext& context) override {
    for (std::int64_t i = 0; i <= context.epoch; ++i) (void)at::ones({2, 3}).mm(at::ones({3, 4}));
    return {{"loss", at::scalar_tensor(1.0)}};
  }
  at::Tensor predict(const at::Tensor& patch, Modality) override {
    return at::full({patch.size(0), 1 + kOrgans, patch.size(2), patch.size(3), patch.size(4)}, 1.0 / 14.0);
  }
  void visit_state(StateVisitor& visitor) override { visitor.counter("steps", steps_); }

 private:
  std::int64_t steps_ = 0;
};

// Five cases in batches of two, four epochs: ten steps, of which 0, 3, 5 and 8 begin an epoch. A mean of
// 24 (1 + 2 + 3 + 4) / 4 = 60 in ten steps.
TEST(Trainer, CountsTheWorkOfTheFirstStepOfEveryEpoch) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "cache", {16, 16, 18});
  const RunRecord record = tiny_record("proposed");
  Working method;
  const auto summary = train(method, {record, data, folder.path() / "run"}, *make_silent_progress());
  EXPECT_EQ(summary.work.iterations, 10);
  EXPECT_EQ(summary.work.observed_iterations, 4);
  EXPECT_EQ(summary.work.multiply_adds, 600.0);
  EXPECT_GT(summary.peak_memory_bytes, 1000000);
}

// Three parts of which the second draws its own images; writes down what each got and when it was validated.
class OwnImages final : public Method {
 public:
  StepReport train_step(const Batch& batch, const StepContext& context) override {
    ++steps[context.part];
    epochs[context.part] = context.epochs;
    if (batch.image.defined()) ++batches[context.part];
    weight_.add_(1);
    return {{"loss", at::scalar_tensor(1.0)}};
  }
  at::Tensor predict(const at::Tensor& patch, Modality) override {
    return at::full({patch.size(0), 1 + kOrgans, patch.size(2), patch.size(3), patch.size(4)}, 1.0 / 14.0);
  }
  at::Tensor predict_part(std::int64_t part, const at::Tensor& patch, Modality modality) override {
    validated[part].insert(modality);
    return predict(patch, modality);
  }
  void visit_state(StateVisitor& visitor) override { visitor.tensor("weight", weight_); }
  [[nodiscard]] std::vector<TrainingPart> parts() const override {
    return {{.name = "first", .epochs = 1, .validation_tasks = {2}},
            {.name = "own", .own_iterations = 4},
            {.name = "last", .tasks = {0}}};
  }
  [[nodiscard]] double weight() const { return weight_.item<double>(); }
  std::map<std::int64_t, std::int64_t> steps, batches, epochs;  // by part
  std::map<std::int64_t, std::set<Modality>> validated;

 private:
  at::Tensor weight_ = at::zeros({1});
};

// Five training cases in batches of two: an epoch of all is 2.5 steps, rounded; four epochs of the two cases
// of task 0 are 4.
TEST(Trainer, APartMayDrawItsOwnImagesForAsManyStepsAsItAsksFor) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "cache", {16, 16, 18});
  OwnImages method;
  const auto summary =
      train(method, {tiny_record("proposed"), data, folder.path() / "run"}, *make_silent_progress());
  EXPECT_EQ(method.steps, (std::map<std::int64_t, std::int64_t>{{0, 3}, {1, 4}, {2, 4}}));
  EXPECT_EQ(method.batches, (std::map<std::int64_t, std::int64_t>{{0, 3}, {2, 4}}));
  EXPECT_EQ(method.epochs, (std::map<std::int64_t, std::int64_t>{{0, 1}, {1, 1}, {2, 4}}));
  EXPECT_EQ(summary.patches, 2 * (3 + 4));
  EXPECT_EQ(summary.best_sums.size(), 2U);  // of the parts that are validated
  EXPECT_EQ(method.validated.size(), 2U);
  EXPECT_EQ(method.validated[0], (std::set<Modality>{Modality::mr}));
  EXPECT_EQ(method.validated[2], (std::set<Modality>{Modality::ct}));
}

// Every sum is alike, so the first validation of a part is its best: after its first 3 steps, and in the last
// part after the first of them. What the part between made is not lost: 3 + 4 + 1.
TEST(Trainer, TheWeightsAtTheEndOfSuchAPartAreWhatCounts) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "cache", {16, 16, 18});
  OwnImages method;
  (void)train(method, {tiny_record("proposed"), data, folder.path() / "run"}, *make_silent_progress());
  EXPECT_EQ(method.weight(), 8);
}

TEST(BlindParts, AreCalledByTheirNames) {
  const std::vector<TrainingPart> parts{
      {.name = "own", .own_iterations = 4}, {.name = "s_ct"}, {.name = "s_mr"}};
  EXPECT_EQ(blind_parts(parts, {0, 0.5}),
            std::vector<std::string>{"part s_ct: no validation organ was ever found"});
  EXPECT_EQ(blind_parts({TrainingPart{}}, {0}),
            std::vector<std::string>{"no validation organ was ever found"});
  EXPECT_TRUE(blind_parts(parts, {0.5, 0.1}).empty());
}

// A method whose loss breaks, to see what the trainer says.
class Breaking final : public Method {
 public:
  StepReport train_step(const Batch&, const StepContext& context) override {
    const double value = context.iteration < 3 ? 1.0 : std::numeric_limits<double>::quiet_NaN();
    return {{"loss", at::scalar_tensor(1.0)}, {"pseudo", at::scalar_tensor(value)}};
  }
  at::Tensor predict(const at::Tensor& patch, Modality) override {
    return at::full({patch.size(0), 1 + kOrgans, patch.size(2), patch.size(3), patch.size(4)}, 1.0 / 14.0);
  }
  void visit_state(StateVisitor& visitor) override { visitor.counter("steps", steps_); }

 private:
  std::int64_t steps_ = 0;
};

TEST(Trainer, NamesTheLossThatIsNoLongerFinite) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "cache", {16, 16, 18});
  const RunRecord record = tiny_record("proposed");
  Breaking method;
  try {
    (void)train(method, {record, data, folder.path() / "run"}, *make_silent_progress());
    FAIL() << "nothing was thrown";
  } catch (const RunError& error) {
    EXPECT_NE(std::string(error.what()).find("loss \"pseudo\" became NaN at iteration 3"), std::string::npos)
        << error.what();
  }
}

// A method whose state breaks while its losses stay finite: an update that divided by zero.
class BreakingState final : public Method {
 public:
  explicit BreakingState(std::int64_t breaks_at, std::vector<TrainingPart> parts = {TrainingPart{}})
      : breaks_at_(breaks_at), parts_(std::move(parts)) {}
  StepReport train_step(const Batch&, const StepContext& context) override {
    if (context.iteration == breaks_at_) weight.fill_(std::numeric_limits<float>::infinity());
    return {{"loss", at::scalar_tensor(1.0)}};
  }
  at::Tensor predict(const at::Tensor& patch, Modality) override {
    return at::full({patch.size(0), 1 + kOrgans, patch.size(2), patch.size(3), patch.size(4)}, 1.0 / 14.0);
  }
  void visit_state(StateVisitor& visitor) override { visitor.tensor("head.weight", weight); }
  [[nodiscard]] std::vector<TrainingPart> parts() const override { return parts_; }
  at::Tensor weight = at::ones({2, 3});

 private:
  std::int64_t breaks_at_;
  std::vector<TrainingPart> parts_;
};

// The tiny plan saves after every third iteration; iteration 4 breaks, so the checkpoint of the third stays.
TEST(Trainer, KeepsNoCheckpointOfAStateThatIsNotFinite) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "cache", {16, 16, 18});
  RunRecord record = tiny_record("proposed");
  record.preset.schedule.validate_every_epochs = 100;
  BreakingState method(4);
  try {
    (void)train(method, {record, data, folder.path() / "run"}, *make_silent_progress());
    FAIL() << "nothing was thrown";
  } catch (const RunError& error) {
    EXPECT_NE(std::string(error.what()).find("\"head.weight\" is no longer finite at iteration 5"),
              std::string::npos)
        << error.what();
  }
  BreakingState kept(100);
  const auto metadata = load_state(kept, folder.path() / "run" / "checkpoint.safetensors");
  EXPECT_EQ(nlohmann::json::parse(metadata.at("trainer"))["iteration"], 3);
  EXPECT_TRUE(at::equal(kept.weight, at::ones({2, 3})));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "run" / "best.safetensors"));
}

// A method of which only a moment of its optimiser breaks: a squared gradient that overflowed. Adam divides
// by its root, so the weights stay finite.
class BreakingMoment final : public Method {
 public:
  explicit BreakingMoment(bool second) : second_(second) {}
  StepReport train_step(const Batch&, const StepContext& context) override {
    adam_.zero_grad();
    weight_.sum().backward();
    adam_.step();
    auto& state =
        static_cast<torch::optim::AdamParamState&>(*adam_.state().at(weight_.unsafeGetTensorImpl()));
    if (context.iteration == 5)
      (second_ ? state.exp_avg_sq() : state.exp_avg()).fill_(std::numeric_limits<float>::infinity());
    return {{"loss", at::scalar_tensor(1.0)}};
  }
  at::Tensor predict(const at::Tensor& patch, Modality) override {
    return at::full({patch.size(0), 1 + kOrgans, patch.size(2), patch.size(3), patch.size(4)}, 1.0 / 14.0);
  }
  void visit_state(StateVisitor& visitor) override {
    visitor.tensor("head.weight", weight_);
    visitor.optimiser("adam", adam_);
  }

 private:
  bool second_;
  at::Tensor weight_ = torch::ones({2, 3}, torch::requires_grad());
  torch::optim::Adam adam_{std::vector<at::Tensor>{weight_}};
};

TEST(Trainer, KeepsNoCheckpointOfAMomentThatIsNotFinite) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "cache", {16, 16, 18});
  RunRecord record = tiny_record("proposed");
  record.preset.schedule.validate_every_epochs = 100;
  for (const bool second : {false, true}) {
    const std::string moment = second ? "exp_avg_sq" : "exp_avg";
    BreakingMoment method(second);
    try {
      (void)train(method, {record, data, folder.path() / moment}, *make_silent_progress());
      FAIL() << "nothing was thrown";
    } catch (const RunError& error) {
      EXPECT_NE(
          std::string(error.what()).find("\"adam#0." + moment + "\" is no longer finite at iteration 5"),
          std::string::npos)
          << error.what();
    }
    BreakingMoment kept(second);
    const auto metadata = load_state(kept, folder.path() / moment / "checkpoint.safetensors");
    EXPECT_EQ(nlohmann::json::parse(metadata.at("trainer"))["iteration"], 3);
  }
}

TEST(Trainer, ChoosesNoBestWeightsThatAreNotFinite) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "cache", {16, 16, 18});
  BreakingState method(0);
  EXPECT_THROW(train(method, {tiny_record("proposed"), data, folder.path() / "run"}, *make_silent_progress()),
               RunError);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "run" / "best.safetensors"));
}

// Such a part isn't validated: the weights after its last update, its fourth, are what would be kept.
TEST(Trainer, KeepsNoWeightsThatAreNotFiniteOfAPartThatDrawsItsOwnImages) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "cache", {16, 16, 18});
  BreakingState method(3, {{.name = "own", .own_iterations = 4}});
  EXPECT_THROW(train(method, {tiny_record("proposed"), data, folder.path() / "run"}, *make_silent_progress()),
               RunError);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "run" / "best.safetensors"));
}

TEST(Trainer, RefusesADamagedCheckpointAndSaysWhatToDo) {
  pin_arithmetic(1);
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "cache", {16, 16, 18});
  const RunRecord record = tiny_record("proposed", {{"aprn", false}, {"aman", false}, {"micpam", false}});
  write_file_atomically(folder.path() / "run" / "checkpoint.safetensors", "not a checkpoint");
  const auto method = make_tiny(record);
  EXPECT_THROW(train(*method, {record, data, folder.path() / "run"}, *make_silent_progress()), DataError);
}

TEST(TrainLog, IsCutBackToTheCheckpoint) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "log.jsonl";
  std::int64_t bytes = 0;
  {
    TrainLog log(path, 0);
    log.append({{"iteration", 1}});
    bytes = log.sync();
    log.append({{"iteration", 2}});
  }
  { TrainLog log(path, bytes); }
  EXPECT_EQ(read_file(path), "{\"iteration\":1}\n");
  EXPECT_EQ(last_log_line(path, "iteration")["iteration"], 1);
  EXPECT_THROW(TrainLog(path, 1000), RunError);
}

TEST(PinArithmetic, IsDeterministicUnlessAskedForTheFastest) {
  const auto& context = at::globalContext();
  pin_arithmetic(1, false);
  EXPECT_TRUE(context.benchmarkCuDNN());
  EXPECT_FALSE(context.deterministicCuDNN());
  pin_arithmetic(1);
  EXPECT_FALSE(context.benchmarkCuDNN());
  EXPECT_TRUE(context.deterministicCuDNN());
  EXPECT_FALSE(context.allowTF32CuDNN());
}

// What is promised: equal bytes for an equal number of threads. What LibTorch gives beyond that is printed:
// with another number of threads sums are split otherwise, which is why a preset pins `threads`.
TEST(Trainer, EqualThreadCountsGiveEqualBytes) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path());
  const RunRecord record = tiny_record("proposed", {{"aprn", false}, {"aman", false}, {"micpam", false}});
  const auto weights = [&](std::int64_t threads) {
    pin_arithmetic(threads);
    return weights_after_steps(record, data, 2);
  };
  const std::string one = weights(1), two = weights(2);
  EXPECT_EQ(weights(1), one);
  EXPECT_EQ(weights(2), two);
  std::printf("weights after training with 1 and with 2 threads are %s\n",
              one == two ? "equal" : "different");
}

}  // namespace
}  // namespace totum
