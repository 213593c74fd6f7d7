#include "baselines/class_contrast.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <set>

#include "networks/initialise.h"

namespace totum {
namespace {

constexpr std::int64_t kClasses = 4;

at::Tensor noise(std::int64_t rows, std::uint64_t seed) {
  RandomStream random(seed, "noise");
  at::Tensor values = at::empty({rows, kContrastWidth}, at::kDouble);
  for (std::int64_t i = 0; i < values.numel(); ++i) values.data_ptr<double>()[i] = random.normal();
  return values;
}

ContrastHeads make_heads() {
  ContrastHeads heads(8, kClasses);
  initialise_parameters(*heads, 5, "heads");
  heads->to(at::kDouble);
  return heads;
}

// Class 0 has vectors and memory, class 1 vectors only, class 2 memory only, class 3 both.
struct Example {
  at::Tensor vectors = noise(8, 1).requires_grad_();
  std::vector<std::int64_t> counts{3, 1, 0, 4};
  ClassMemory memory{kClasses, 16, at::kCPU};

  Example() {
    memory.add(0, noise(5, 2));
    memory.add(2, noise(2, 3));
    memory.add(3, noise(6, 4));
  }
};

// The whole matrix, entry by entry.
at::Tensor by_matrix(ContrastHeads& heads, const Example& example) {
  at::Tensor sum = at::zeros({}, at::kDouble);
  std::int64_t first = 0;
  for (std::int64_t c = 0; c < kClasses; ++c) {
    const std::int64_t n = example.counts[static_cast<std::size_t>(c)];
    const at::Tensor f = example.vectors.narrow(0, first, n);
    first += n;
    const at::Tensor m = example.memory.of(c).to(at::kDouble);
    if (n < 2 || m.size(0) < 2) continue;
    const at::Tensor units = m / m.norm(2, 1, true);
    const at::Tensor s = heads->feature_scores(static_cast<std::size_t>(c), f.detach());
    const at::Tensor t = heads->memory_scores(static_cast<std::size_t>(c), units);
    at::Tensor distances = at::zeros({}, at::kDouble);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < m.size(0); ++j) {
        const at::Tensor cosine = f[i].dot(m[j]) / (f[i].norm() * m[j].norm());
        const at::Tensor w = static_cast<double>(n) * s[i] / s.sum();
        const at::Tensor v = static_cast<double>(m.size(0)) * t[j] / t.sum();
        distances = distances + w * v * (1 - cosine);
      }
    }
    sum = sum + distances / static_cast<double>(n * m.size(0));
  }
  return sum / static_cast<double>(kClasses);
}

TEST(ClassContrast, EqualsTheMeanOverTheMatrixOfWeightedDistancesWithItsGradients) {
  ContrastHeads heads = make_heads();
  Example example;
  const at::Tensor fast = class_contrast(heads, example.vectors, example.counts, example.memory);
  fast.backward();
  const at::Tensor gradient = example.vectors.grad().clone();
  std::map<std::string, at::Tensor> of_selectors;
  for (const auto& entry : heads->named_parameters()) {
    if (entry.value().grad().defined()) of_selectors[entry.key()] = entry.value().grad().clone();
  }
  heads->zero_grad();
  Example again;
  const at::Tensor slow = by_matrix(heads, again);
  slow.backward();
  EXPECT_NEAR(fast.item<double>(), slow.item<double>(), 1e-12);
  EXPECT_LE((gradient - again.vectors.grad()).abs().max().item<double>(), 1e-12);
  EXPECT_GT(gradient.abs().max().item<double>(), 1e-4);
  std::size_t met = 0;
  for (const auto& entry : heads->named_parameters()) {
    if (!entry.value().grad().defined()) continue;
    ++met;
    ASSERT_TRUE(of_selectors.contains(entry.key())) << entry.key();
    EXPECT_LE((of_selectors.at(entry.key()) - entry.value().grad()).abs().max().item<double>(), 1e-12)
        << entry.key();
  }
  EXPECT_EQ(met, of_selectors.size());
  EXPECT_EQ(met, 4U * 6U);  // two selectors of two classes, six parameters each
}

TEST(ClassContrast, SkipsAClassWithFewerThanTwoVectorsOnEitherSide) {
  ContrastHeads heads = make_heads();
  Example example;
  class_contrast(heads, example.vectors, example.counts, example.memory).backward();
  EXPECT_EQ(example.vectors.grad()[3].abs().max().item<double>(), 0.0);  // the one vector of class 1
  ClassMemory one(kClasses, 16, at::kCPU);
  one.add(0, noise(1, 2));
  EXPECT_EQ(class_contrast(heads, example.vectors, example.counts, one).item<double>(), 0.0);
}

TEST(VoxelsByClass, ListsTheVoxelsOfEachClassInRasterOrder) {
  RandomStream random(1, "test");
  const at::Tensor label = at::tensor({2, -1, 0, 2, 2, 0, -1}, at::kLong).view({1, 1, 7, 1});
  const ClassVoxels found = voxels_by_class(label, 3, 10, random);
  EXPECT_EQ(found.counts, (std::vector<std::int64_t>{2, 0, 3}));
  EXPECT_TRUE(at::equal(found.index, at::tensor({2, 5, 0, 3, 4}, at::kLong)));
}

TEST(VoxelsByClass, DrawsDistinctVoxelsWhereAClassHasTooMany) {
  const at::Tensor label = at::cat({at::zeros({50}, at::kLong), at::ones({3}, at::kLong)});
  std::set<std::int64_t> met;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    RandomStream random(seed, "test");
    const ClassVoxels found = voxels_by_class(label, 2, 8, random);
    ASSERT_EQ(found.counts, (std::vector<std::int64_t>{8, 3}));
    const std::int64_t* index = found.index.const_data_ptr<std::int64_t>();
    EXPECT_EQ(std::set<std::int64_t>(index, index + 8).size(), 8U);
    for (std::int64_t i = 0; i < 8; ++i) EXPECT_LT(index[i], 50);
    met.insert(index, index + 8);
  }
  EXPECT_EQ(met.size(), 50U);  // 320 draws: each voxel has its turn
}

}  // namespace
}  // namespace totum
