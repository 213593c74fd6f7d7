#include "baselines/classmix.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <set>

namespace totum {
namespace {

std::vector<bool> present(std::int64_t organs, bool background) {
  std::vector<bool> classes(14, false);
  classes[0] = background;
  for (std::int64_t c = 1; c <= organs; ++c) classes[static_cast<std::size_t>(c)] = true;
  return classes;
}

// Half of an even number and one more, the larger half of an odd number.
TEST(ClassMix, PastesMoreThanHalfOfTheClasses) {
  const std::vector<std::size_t> expected{1, 2, 2, 3, 3, 4, 4};  // of 1, 2, … 7
  for (std::int64_t n = 1; n <= 7; ++n) {
    RandomStream random(static_cast<std::uint64_t>(n), "test");
    const auto classes = draw_pasted_classes(present(n, true), random);
    EXPECT_EQ(classes.size(), expected[static_cast<std::size_t>(n - 1)]) << n;
    EXPECT_EQ(std::set<std::int64_t>(classes.begin(), classes.end()).size(), classes.size());
    EXPECT_TRUE(std::is_sorted(classes.begin(), classes.end()));
    EXPECT_GE(classes.front(), 1);
    EXPECT_LE(classes.back(), n);
  }
}

TEST(ClassMix, PastesBackgroundOnlyWhereItIsAlone) {
  RandomStream random(1, "test");
  EXPECT_EQ(draw_pasted_classes(present(0, true), random), (std::vector<std::int64_t>{0}));
  EXPECT_EQ(draw_pasted_classes(present(1, false), random), (std::vector<std::int64_t>{1}));
}

TEST(ClassMix, DrawsEveryClassEquallyOften) {
  std::vector<int> times(6, 0);
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    RandomStream random(seed, "test");
    for (const std::int64_t c : draw_pasted_classes(present(5, true), random))
      ++times[static_cast<std::size_t>(c)];
  }
  for (std::size_t c = 1; c <= 5; ++c) EXPECT_NEAR(times[c], 300, 55);  // 3 of 5; five standard deviations
}

TEST(ClassMix, KnowsTheClassesOfEachImage) {
  const auto classes = classes_present(at::tensor({0, 2, 2, 3}, at::kLong).view({2, 1, 1, 2}), 4);
  EXPECT_EQ(classes[0], (std::vector<bool>{true, false, true, false}));
  EXPECT_EQ(classes[1], (std::vector<bool>{false, false, true, true}));
}

// Three images of four voxels; image 1 has no partner, 0 and 2 have each other.
TEST(ClassMix, CarriesThePartnersVoxelsWithAllThatIsSaidOfThem) {
  const at::Tensor label = at::tensor({0, 5, 5, 0, 7, 7, 0, 0, 6, 0, 5, 0}, at::kLong).view({3, 1, 1, 4});
  const at::Tensor voxel = at::arange(12, at::kFloat).view({3, 1, 1, 4});
  const TaughtImages images{voxel.unsqueeze(1), {label, label == 5, voxel * 0.01, voxel * 0.1}};
  const TaughtImages mixed = class_mix(images, {2, std::nullopt, 0}, {{5}, {7}, {6}});
  // Image 0 gets class 6 of image 2 (its voxel 0), image 2 gets class 5 of image 0 (its voxels 1 and 2).
  const at::Tensor from = at::tensor({8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 11}, at::kLong);
  const auto taken = [&](const at::Tensor& map) {
    return map.flatten().index_select(0, from).view({3, 1, 1, 4});
  };
  EXPECT_TRUE(at::equal(mixed.image, taken(images.image).unsqueeze(1)));
  EXPECT_TRUE(at::equal(mixed.pseudo.label, taken(label)));
  EXPECT_TRUE(at::equal(mixed.pseudo.given, taken(images.pseudo.given)));
  EXPECT_TRUE(at::equal(mixed.pseudo.confidence, taken(images.pseudo.confidence)));
  EXPECT_TRUE(at::equal(mixed.pseudo.entropy, taken(images.pseudo.entropy)));
}

}  // namespace
}  // namespace totum
