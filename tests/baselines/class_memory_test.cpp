#include "baselines/class_memory.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <map>

#include "networks/initialise.h"

namespace totum {
namespace {

// n vectors whose every entry is first, first + 1, ….
at::Tensor numbered(std::int64_t n, double first) {
  return (at::arange(n, at::kFloat) + first).unsqueeze(1).expand({n, kContrastWidth});
}

std::vector<double> numbers_of(const at::Tensor& vectors) {
  std::vector<double> numbers;
  for (std::int64_t i = 0; i < vectors.size(0); ++i) numbers.push_back(vectors[i][0].item<double>());
  return numbers;
}

TEST(ClassMemory, PutsNewVectorsInFrontAndForgetsTheOldest) {
  ClassMemory memory(3, 5, at::kCPU);
  EXPECT_EQ(memory.of(1).size(0), 0);
  memory.add(1, numbered(3, 10));
  memory.add(1, numbered(1, 20));
  EXPECT_EQ(numbers_of(memory.of(1)), (std::vector<double>{20, 10, 11, 12}));
  memory.add(1, numbered(2, 30));
  EXPECT_EQ(numbers_of(memory.of(1)), (std::vector<double>{30, 31, 20, 10, 11}));
  memory.add(1, numbered(7, 40));
  EXPECT_EQ(numbers_of(memory.of(1)), (std::vector<double>{40, 41, 42, 43, 44}));
  EXPECT_EQ(memory.of(0).size(0), 0);
  EXPECT_EQ(memory.of(2).size(0), 0);
}

TEST(ClassMemory, KeepsNoGradient) {
  ClassMemory memory(1, 4, at::kCPU);
  memory.add(0, numbered(2, 1).clone().requires_grad_());
  EXPECT_FALSE(memory.of(0).requires_grad());
}

TEST(ClassMemory, IsWholeAfterItsStateWasCopied) {
  class Copy final : public StateVisitor {
   public:
    void tensor(const std::string& name, at::Tensor& value) override {
      if (stored.contains(name)) value.copy_(stored.at(name));
      stored[name] = value.clone();
    }
    void counter(const std::string&, std::int64_t&) override {}
    void optimiser(const std::string&, torch::optim::Optimizer&) override {}
    std::map<std::string, at::Tensor> stored;
  } visitor;
  ClassMemory memory(2, 4, at::kCPU);
  memory.add(1, numbered(3, 10));
  memory.visit_state(visitor, "m.");
  ClassMemory other(2, 4, at::kCPU);
  other.visit_state(visitor, "m.");
  EXPECT_TRUE(at::equal(other.of(1), memory.of(1)));
  EXPECT_EQ(other.of(0).size(0), 0);
}

ContrastHeads heads_of(std::int64_t features) {
  ContrastHeads heads(features, 3);
  initialise_parameters(*heads, 5, "heads");
  return heads;
}

at::Tensor waves(std::int64_t rows, std::int64_t columns) {
  return (at::arange(rows * columns, at::kFloat) * 0.37).sin().view({rows, columns});
}

TEST(Remember, KeepsTheVectorsWithTheHighestScores) {
  ContrastHeads teacher = heads_of(8);
  ClassMemory memory(3, 100, at::kCPU);
  const at::Tensor features = waves(12, 8);
  const torch::NoGradGuard no_grad;
  remember(memory, teacher, features, {2, 9, 1}, 4);
  const at::Tensor projected = teacher->project(features);
  EXPECT_TRUE(at::equal(memory.of(0), projected.slice(0, 0, 2)));  // no more than four: all, in their order
  EXPECT_TRUE(at::equal(memory.of(2), projected.slice(0, 11, 12)));
  const at::Tensor candidates = projected.slice(0, 2, 11);
  const at::Tensor scores = teacher->feature_scores(1, candidates);
  std::vector<std::pair<double, std::int64_t>> ranking;  // by hand: the highest first
  for (std::int64_t i = 0; i < 9; ++i) ranking.emplace_back(-scores[i].item<double>(), i);
  std::sort(ranking.begin(), ranking.end());
  ASSERT_EQ(memory.of(1).size(0), 4);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_TRUE(at::equal(memory.of(1)[static_cast<std::int64_t>(i)], candidates[ranking[i].second])) << i;
}

TEST(Remember, SkipsABatchOfFewerThanTwoVectors) {
  ContrastHeads teacher = heads_of(8);
  ClassMemory memory(3, 100, at::kCPU);
  remember(memory, teacher, waves(1, 8), {0, 1, 0}, 4);
  remember(memory, teacher, waves(0, 8), {0, 0, 0}, 4);
  for (std::int64_t c = 0; c < 3; ++c) EXPECT_EQ(memory.of(c).size(0), 0);
}

}  // namespace
}  // namespace totum
