// Nothing that a training may not see changes its weights.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "experiments/run_worker.h"
#include "experiments/trainer.h"
#include "tests/core/temporary_folder.h"
#include "tests/experiments/tiny_training.h"

namespace totum {
namespace {

// The leak test: what a training may not see is replaced by noise, and nothing may change.
class LeakTest : public testing::TestWithParam<std::string> {};

// What full supervision may not see.
void replace_labels_outside_training(const TinyCase& c, std::vector<std::uint8_t>& label) {
  RandomStream random(99, c.case_id);
  if (c.subset == Subset::train) return;
  for (std::uint8_t& value : label) value = static_cast<std::uint8_t>(random.below(kOrgans + 1));
}

// What partial supervision may not see.
void replace_hidden_labels(const TinyCase& c, std::vector<std::uint8_t>& label) {
  const auto organs = tiny_tasks()[static_cast<std::size_t>(c.task)].organs;
  RandomStream random(99, c.case_id);
  for (std::uint8_t& value : label) {
    const bool seen =
        c.subset == Subset::train && std::find(organs.begin(), organs.end(), value) != organs.end();
    if (seen) continue;
    do {
      value = static_cast<std::uint8_t>(random.below(kOrgans + 1));
    } while (c.subset == Subset::train && std::find(organs.begin(), organs.end(), value) != organs.end());
  }
}

TEST_P(LeakTest, WeightsAreEqualWhenAllHiddenLabelsAreNoise) {
  pin_arithmetic(1);
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "a");
  const bool is_full = supervision_of(GetParam()) == Supervision::full;
  const PreparedDataset noisy = tiny_dataset(
      folder.path() / "b", {18, 20, 22}, is_full ? replace_labels_outside_training : replace_hidden_labels);
  const char* changed = is_full ? "amos_0004" : "amos_0001";
  const auto before = data.at(changed).label();
  const auto after = noisy.at(changed).label();
  ASSERT_FALSE(std::equal(before.begin(), before.end(), after.begin()));
  EXPECT_EQ(data.atlas.probability, noisy.atlas.probability);
  const RunRecord record = tiny_record(GetParam());
  EXPECT_EQ(weights_after_steps(record, data), weights_after_steps(record, noisy));
}

TEST_P(LeakTest, WeightsShowHiddenLabelsOfTrainingCasesOnlyIfThatIsDeclared) {
  pin_arithmetic(1);
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "a");
  const PreparedDataset noisy = tiny_dataset(folder.path() / "b", {18, 20, 22}, replace_hidden_labels);
  const RunRecord record = tiny_record(GetParam());
  const bool differ = weights_after_steps(record, data) != weights_after_steps(record, noisy);
  EXPECT_EQ(differ, supervision_of(GetParam()) == Supervision::full);
}

TEST_P(LeakTest, WeightsChangeWhenAVisibleLabelChanges) {
  pin_arithmetic(1);
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "a");
  const PreparedDataset other = tiny_dataset(folder.path() / "b", {18, 20, 22},
                                             [](const TinyCase& c, std::vector<std::uint8_t>& label) {
                                               if (c.task != 0) return;
                                               for (std::uint8_t& value : label)
                                                 value = value == 6 ? 0 : value;
                                             });
  const RunRecord record = tiny_record(GetParam());
  EXPECT_NE(weights_after_steps(record, data), weights_after_steps(record, other));
}

// Writes down whether any batch that the trainer hands out holds more than the case's task labels.
class Spy final : public Method {
 public:
  void begin_training(const TrainingData& data) override {
    for (std::int64_t task = 0; task < 3; ++task) {
      for (std::int64_t crop = 0; crop < 4; ++crop) look(data.crop("spy", task, crop));  // every case twice
    }
  }
  StepReport train_step(const Batch& batch, const StepContext&) override {
    for (std::int64_t b = 0; b < batch.label.size(0); ++b) {
      const Task task = tiny_tasks()[static_cast<std::size_t>(batch.task[static_cast<std::size_t>(b)])];
      for (std::int64_t c = 1; c <= kOrgans; ++c) {
        if (std::find(task.organs.begin(), task.organs.end(), c) != task.organs.end()) continue;
        hidden_labels = hidden_labels || batch.label[b].eq(c).any().item<bool>();
        hidden_flags = hidden_flags || batch.labelled[b][c - 1].item<bool>();
      }
    }
    full_batches = full_batches || batch.supervision == Supervision::full;
    return {{"loss", at::scalar_tensor(1.0)}};
  }
  at::Tensor predict(const at::Tensor& patch, Modality) override {
    return at::full({patch.size(0), 1 + kOrgans, patch.size(2), patch.size(3), patch.size(4)}, 1.0 / 14.0);
  }
  void visit_state(StateVisitor& visitor) override { visitor.counter("steps", steps_); }
  bool hidden_labels = false, hidden_flags = false, full_batches = false;
  bool hidden_in_images = false;  // of begin_training

 private:
  void look(const TrainingImage& image) {
    const auto organs = tiny_tasks()[static_cast<std::size_t>(image.task)].organs;
    for (std::int64_t c = 1; c <= kOrgans; ++c) {
      if (std::find(organs.begin(), organs.end(), c) != organs.end()) continue;
      hidden_in_images =
          hidden_in_images || image.label.eq(c).any().item<bool>() || image.labelled[c - 1].item<bool>();
    }
  }
  std::int64_t steps_ = 0;
};

// From the registry's declaration through the trainer to the batch: no other way decides what is seen.
TEST_P(LeakTest, TheTrainerHandsHiddenLabelsOnlyToAMethodThatIsDeclaredToSeeThem) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "cache", {16, 16, 18});
  Spy spy;
  (void)train(spy, {tiny_record(GetParam()), data, folder.path() / "run"}, *make_silent_progress());
  const bool declared = supervision_of(GetParam()) == Supervision::full;
  EXPECT_EQ(spy.hidden_labels, declared);
  EXPECT_EQ(spy.hidden_flags, declared);
  EXPECT_EQ(spy.full_batches, declared);
  EXPECT_EQ(spy.hidden_in_images, declared);
}

INSTANTIATE_TEST_SUITE_P(Registry, LeakTest, testing::ValuesIn(trained_methods()),
                         [](const auto& test) { return test.param; });

// Images of validation and test cases are exchanged for others.
TEST(DarUnet, Fidelity10NoValidationOrTestSliceEntersStageOneOrATranslation) {
  pin_arithmetic(1);
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path());
  PreparedDataset other = data;
  for (const SplitCase& c : data.split.cases) {
    if (c.subset != Subset::train) other.cases.insert_or_assign(c.case_id, data.at("amos_0507"));
  }
  const RunRecord record = tiny_record("dar_unet");
  EXPECT_EQ(weights_after_steps(record, data), weights_after_steps(record, other));
  PreparedDataset changed = data;  // and the weights do see training images
  changed.cases.insert_or_assign("amos_0508", data.at("amos_0507"));
  EXPECT_NE(weights_after_steps(record, data), weights_after_steps(record, changed));
}

}  // namespace
}  // namespace totum
