#include "data/warp.h"

#include <gtest/gtest.h>

namespace totum {
namespace {

TEST(Warp, AnAffineMapIsExactWithTwoPointsOnEachAxis) {
  Warp warp{{2, 2, 2}, {}};
  const auto moved = [](double z, double y, double x) {
    return Vector3{0.1 * z - 0.2 * x, 0.05, 0.3 * y + 0.1 * x - 0.02};
  };
  for (std::size_t component = 0; component < 3; ++component) {
    for (int corner = 0; corner < 8; ++corner)
      warp.displacement.push_back(
          static_cast<float>(moved(corner / 4, corner / 2 % 2, corner % 2)[component]));
  }
  for (const Vector3& place : {Vector3{0, 0, 0}, Vector3{1, 1, 1}, Vector3{0.3, 0.8, 0.25}}) {
    const Vector3 expected = moved(place[0], place[1], place[2]);
    for (std::size_t axis = 0; axis < 3; ++axis) EXPECT_NEAR(warp.at(place)[axis], expected[axis], 1e-7);
  }
}

TEST(Warp, InterpolatesBetweenItsPointsAndStopsAtTheBorder) {
  Warp warp{{2, 2, 3}, std::vector<float>(36, 0.0F)};
  for (std::size_t i = 24; i < 36; ++i)
    warp.displacement[i] = i % 3 == 1 ? 1.0F : 0.0F;  // along x, at its middle
  EXPECT_NEAR(warp.at({0.2, 0.9, 0.5})[2], 1, 1e-12);
  EXPECT_NEAR(warp.at({0.2, 0.9, 0.25})[2], 0.5, 1e-12);
  EXPECT_NEAR(warp.at({0.2, 0.9, 0.9})[2], 0.2, 1e-12);
  EXPECT_EQ(warp.at({0.2, 0.9, 1.5})[2], 0);
  EXPECT_EQ(warp.at({0.2, 0.9, 0.5})[0], 0);
}

}  // namespace
}  // namespace totum
