#include "baselines/cutmix.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <map>

namespace totum {
namespace {

std::int64_t volume(const Cuboid& cuboid) { return cuboid.size[0] * cuboid.size[1] * cuboid.size[2]; }

// The depth is a whole number, so the volume is half the crop's up to half a slice of the cuboid.
TEST(CutMix, ACuboidHasHalfTheVolumeAndLiesInsideTheCrop) {
  for (const std::array<std::int64_t, 3> shape :
       {std::array<std::int64_t, 3>{64, 192, 192}, {32, 32, 48}, {16, 16, 16}}) {
    const double half = static_cast<double>(shape[0] * shape[1] * shape[2]) / 2;
    for (std::uint64_t i = 0; i < 200; ++i) {
      RandomStream random(1, "test", i);
      const Cuboid cuboid = draw_half_cuboid(shape, random);
      EXPECT_LE(std::abs(static_cast<double>(volume(cuboid)) - half),
                static_cast<double>(cuboid.size[1] * cuboid.size[2]) / 2);
      for (std::size_t axis = 0; axis < 3; ++axis) {
        EXPECT_GE(cuboid.start[axis], 0);
        EXPECT_GT(cuboid.size[axis], 0);
        EXPECT_LE(cuboid.start[axis] + cuboid.size[axis], shape[axis]);
      }
      EXPECT_GT(2 * cuboid.size[1], shape[1]);  // more than half of an axis, but not all of it
      EXPECT_GT(2 * cuboid.size[2], shape[2]);
      EXPECT_LT(cuboid.size[1], shape[1]);
      EXPECT_LT(cuboid.size[2], shape[2]);
    }
  }
}

// Every place and every side that the rule allows is drawn: widths 9..15 and starts 0..7 of an axis of 16.
TEST(CutMix, AllSidesAndPlacesOccur) {
  std::map<std::int64_t, int> widths, starts;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    RandomStream random(2, "test", i);
    const Cuboid cuboid = draw_half_cuboid({16, 16, 16}, random);
    ++widths[cuboid.size[2]];
    ++starts[cuboid.start[2]];
  }
  EXPECT_EQ(widths.begin()->first, 9);
  EXPECT_EQ(widths.rbegin()->first, 15);
  EXPECT_EQ(widths.size(), 7U);
  EXPECT_EQ(starts.begin()->first, 0);
  EXPECT_EQ(starts.rbegin()->first, 7);
}

// Three images of 0, 1, 2 everywhere: inside its cuboid each holds its partner's number, outside its own.
TEST(CutMix, TakesTheCuboidFromThePartnersOriginal) {
  const at::Tensor x = at::arange(3, at::kLong).view({3, 1, 1, 1}).expand({3, 4, 4, 6});
  const Cuboid first{{0, 1, 2}, {2, 3, 4}}, second{{1, 0, 0}, {3, 4, 2}};
  const CutMix mix{{1, 0, std::nullopt}, {first, second, first}};
  ASSERT_TRUE(mix.changes_anything());
  const at::Tensor mixed = mix(x);
  const std::array<Cuboid, 2> cuboids{first, second};
  for (std::int64_t b = 0; b < 3; ++b) {
    for (std::int64_t d = 0; d < 4; ++d) {
      for (std::int64_t h = 0; h < 4; ++h) {
        for (std::int64_t w = 0; w < 6; ++w) {
          const std::array<std::int64_t, 3> place{d, h, w};
          bool inside = b < 2;
          for (std::size_t axis = 0; inside && axis < 3; ++axis) {
            const Cuboid& cuboid = cuboids[static_cast<std::size_t>(b)];
            inside =
                place[axis] >= cuboid.start[axis] && place[axis] < cuboid.start[axis] + cuboid.size[axis];
          }
          EXPECT_EQ(mixed[b][d][h][w].item<std::int64_t>(), inside ? 1 - b : b);
        }
      }
    }
  }
  EXPECT_TRUE(at::equal(x[0], at::zeros({4, 4, 6}, at::kLong)));  // the original is as it was
  EXPECT_TRUE(at::equal(mix(x.unsqueeze(1)).squeeze(1), mixed));  // channels go along
}

TEST(CutMix, WithoutPartnersNothingChanges) {
  EXPECT_FALSE(CutMix{}.changes_anything());
  EXPECT_FALSE((CutMix{{std::nullopt, std::nullopt}, {}}).changes_anything());
}

TEST(CutMix, IsDrawnBySeedIterationAndImage) {
  const std::vector<std::optional<std::int64_t>> partners{1, 0};
  const auto key = [&](std::uint64_t seed, std::int64_t iteration, std::size_t image) {
    const Cuboid cuboid = draw_cutmix(partners, {64, 192, 192}, seed, iteration).cuboid[image];
    return std::vector<std::int64_t>{cuboid.size[1], cuboid.size[2], cuboid.start[0], cuboid.start[1]};
  };
  EXPECT_EQ(key(1, 5, 0), key(1, 5, 0));
  EXPECT_NE(key(1, 5, 0), key(1, 5, 1));
  EXPECT_NE(key(1, 5, 0), key(1, 6, 0));
  EXPECT_NE(key(1, 5, 0), key(2, 5, 0));
}

}  // namespace
}  // namespace totum
