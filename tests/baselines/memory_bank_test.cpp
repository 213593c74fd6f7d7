#include "baselines/memory_bank.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <deque>

#include "core/error.h"
#include "core/random.h"
#include "core/safetensors.h"
#include "methods/checkpoint.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

// Vectors whose numbers tell when they came: (n, n) for n = first, first+1, …
at::Tensor numbered(std::int64_t first, std::int64_t count) {
  return at::arange(first, first + count, at::kFloat).unsqueeze(1).expand({count, 2});
}

std::vector<float> sorted_contents(const MemoryBank& bank, std::int64_t c) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < bank.size(c); ++i) values.push_back(bank.vectors(c)[i][1].item<float>());
  std::sort(values.begin(), values.end());
  return values;
}

TEST(MemoryBank, IsEmptyAtFirst) {
  const MemoryBank bank({3, 2}, 4, c10::kCPU);
  EXPECT_EQ(bank.size(0), 0);
  EXPECT_EQ(bank.vectors(1).sizes(), (at::IntArrayRef{0, 4}));
}

TEST(MemoryBank, TheOldestVectorGivesWay) {
  MemoryBank bank({3, 2}, 2, c10::kCPU);
  bank.append(0, numbered(0, 2));
  EXPECT_EQ(sorted_contents(bank, 0), (std::vector<float>{0, 1}));
  bank.append(0, numbered(2, 2));
  EXPECT_EQ(sorted_contents(bank, 0), (std::vector<float>{1, 2, 3}));
  bank.append(0, numbered(4, 1));
  EXPECT_EQ(sorted_contents(bank, 0), (std::vector<float>{2, 3, 4}));
  EXPECT_EQ(bank.size(1), 0);  // another class
}

TEST(MemoryBank, OfMoreThanItCanHoldTheNewestStay) {
  MemoryBank bank({3}, 2, c10::kCPU);
  bank.append(0, numbered(0, 2));
  bank.append(0, numbered(2, 8));
  EXPECT_EQ(sorted_contents(bank, 0), (std::vector<float>{7, 8, 9}));
}

// Against a queue, one vector after the other, over many appends of 0 to 12 vectors.
TEST(MemoryBank, EqualsAQueueOfTheSameLength) {
  MemoryBank bank({7}, 2, c10::kCPU);
  std::deque<float> queue;
  RandomStream random(5, "test");
  std::int64_t next = 0;
  for (int i = 0; i < 60; ++i) {
    const std::int64_t count = random.below(13);
    bank.append(0, numbered(next, count));
    for (std::int64_t j = 0; j < count; ++j) {
      queue.push_back(static_cast<float>(next + j));
      if (queue.size() > 7) queue.pop_front();
    }
    next += count;
    ASSERT_EQ(sorted_contents(bank, 0), std::vector<float>(queue.begin(), queue.end())) << i;
  }
}

TEST(MemoryBank, KeepsNoGradient) {
  MemoryBank bank({3}, 2, c10::kCPU);
  const at::Tensor vectors = at::ones({2, 2}, at::kFloat).requires_grad_();
  bank.append(0, vectors * 2);
  EXPECT_FALSE(bank.vectors(0).requires_grad());
}

TEST(MemoryBank, RefusesVectorsOfAnotherWidth) {
  MemoryBank bank({3}, 2, c10::kCPU);
  EXPECT_THROW(bank.append(0, at::ones({2, 3})), c10::Error);
  EXPECT_THROW(MemoryBank({0}, 2, c10::kCPU), c10::Error);
}

// What a checkpoint makes of a bank.
class WithBank final : public Method {
 public:
  explicit WithBank(std::int64_t capacity) : bank({capacity, capacity}, 2, c10::kCPU) {}
  StepReport train_step(const Batch&, const StepContext&) override { return {}; }
  at::Tensor predict(const at::Tensor& patch, Modality) override { return patch; }
  void visit_state(StateVisitor& visitor) override {
    visitor.tensor("weight", weight);
    bank.visit_state(visitor, "bank.");
  }
  MemoryBank bank;
  at::Tensor weight = at::zeros({1});
};

TEST(MemoryBank, ACheckpointHoldsTheVectorsThatAreThereAndRestoresThemExactly) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "state.safetensors";
  WithBank saved(5), loaded(5);
  saved.bank.append(0, numbered(0, 7));  // full, and the next row is not the first
  saved.bank.append(1, numbered(100, 2));
  loaded.bank.append(1, numbered(50, 4));
  save_state(saved, path, {});
  EXPECT_EQ(SafetensorsFile(path).at("bank.1").shape, (std::vector<std::int64_t>{2, 2}));
  (void)load_state(loaded, path);
  for (WithBank* one : {&saved, &loaded}) one->bank.append(0, numbered(7, 2));
  for (const std::int64_t c : {0, 1}) {
    EXPECT_TRUE(at::equal(saved.bank.vectors(c), loaded.bank.vectors(c))) << c;
  }
  EXPECT_EQ(sorted_contents(loaded.bank, 0), (std::vector<float>{4, 5, 6, 7, 8}));
}

TEST(MemoryBank, AnEmptyBankIsSavedAndRestored) {
  const TemporaryFolder folder;
  WithBank empty(5), loaded(5);
  loaded.bank.append(0, numbered(0, 3));
  save_state(empty, folder.path() / "state.safetensors", {});
  (void)load_state(loaded, folder.path() / "state.safetensors");
  EXPECT_EQ(loaded.bank.size(0), 0);
}

TEST(MemoryBank, WeightsForPredictionLeaveItOut) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "weights.safetensors";
  WithBank saved(5), loaded(5);
  saved.bank.append(0, numbered(0, 3));
  saved.weight.fill_(2);
  save_state(saved, path, {}, {"", false});
  EXPECT_FALSE(SafetensorsFile(path).tensors().contains("bank.0"));
  loaded.bank.append(0, numbered(10, 3));
  (void)load_state(loaded, path, {"", false});
  EXPECT_EQ(loaded.weight.item<float>(), 2);
  EXPECT_EQ(sorted_contents(loaded.bank, 0), (std::vector<float>{10, 11, 12}));
  EXPECT_THROW(load_state(loaded, path), DataError);  // no checkpoint
}

TEST(MemoryBank, RefusesACheckpointOfALargerBankAndChangesNothing) {
  const TemporaryFolder folder;
  WithBank large(5), small(3);
  large.bank.append(0, numbered(0, 5));
  small.bank.append(0, numbered(20, 1));
  save_state(large, folder.path() / "state.safetensors", {});
  EXPECT_THROW(load_state(small, folder.path() / "state.safetensors"), DataError);
  EXPECT_EQ(sorted_contents(small.bank, 0), (std::vector<float>{20}));
}

}  // namespace
}  // namespace totum
