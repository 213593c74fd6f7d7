#include "data/sampler/augmentation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace totum {
namespace {

const Shape3 kShape{6, 7, 8};

std::vector<float> crop() {
  std::vector<float> voxels;
  for (int i = 0; i < 6 * 7 * 8; ++i) voxels.push_back(std::sin(0.37F * static_cast<float>(i)));
  return voxels;
}

std::vector<float> augmented(std::uint64_t iteration) {
  std::vector<float> voxels = crop();
  augment_published(voxels, kShape, RandomStream(9, "augmentation", iteration));
  return voxels;
}

double mean(const std::vector<float>& v) {
  return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
}

// The sign of a rank correlation: a brightness or contrast change keeps the order of voxels, noise and blur
// do not.
bool keeps_order(const std::vector<float>& before, const std::vector<float>& after) {
  std::vector<std::size_t> order(before.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return before[a] < before[b]; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (after[order[i]] < after[order[i - 1]] - 1e-6F) return false;
  }
  return true;
}

TEST(Augmentation, DependsOnItsStreamAlone) {
  EXPECT_EQ(augmented(3), augmented(3));
  int different = 0;
  for (std::uint64_t i = 0; i < 20; ++i) different += augmented(i) != augmented(i + 20) ? 1 : 0;
  EXPECT_GT(different, 5);
}

// Untouched: .9 x (1 - .2 x .5) x .85 x (1 - .15 x .5) x .85 = .541. Order kept: no noise, no blur: .9 x .9 =
// .81.
TEST(Augmentation, HappensAsOftenAsThePublishedProbabilitiesSay) {
  constexpr int kDraws = 4000;
  int untouched = 0, ordered = 0;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const auto after = augmented(i);
    untouched += after == crop() ? 1 : 0;
    ordered += keeps_order(crop(), after) ? 1 : 0;
  }
  const auto share = [](int n) { return static_cast<double>(n) / kDraws; };
  EXPECT_NEAR(share(untouched), 0.541, 0.03);  // three standard errors are 0.024
  EXPECT_NEAR(share(ordered), 0.81, 0.03);
}

TEST(Augmentation, StaysInThePublishedRanges) {
  const auto before = crop();
  for (std::uint64_t i = 0; i < 500; ++i) {
    const auto after = augmented(i);
    ASSERT_TRUE(std::all_of(after.begin(), after.end(), [](float v) { return std::isfinite(v); }));
    // Multiplied by at most 1.25, shifted by a few tenths; contrast keeps within the range it finds.
    EXPECT_LT(*std::max_element(after.begin(), after.end()), 1.25F * 1.4F + 0.5F);
    EXPECT_LT(std::abs(mean(after) - mean(before)), 0.5);
  }
}

TEST(Augmentation, NeverFlips) {
  // The voxel that is brightest by far stays the brightest, where it is.
  for (std::uint64_t i = 0; i < 300; ++i) {
    std::vector<float> voxels(6 * 7 * 8, 0.0F);
    voxels[5 * 56 + 2 * 8 + 1] = 10;
    augment_published(voxels, kShape, RandomStream(2, "augmentation", i));
    EXPECT_EQ(std::max_element(voxels.begin(), voxels.end()) - voxels.begin(), 5 * 56 + 2 * 8 + 1);
  }
}

}  // namespace
}  // namespace totum
