#include "data/phantom/shapes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "data/phantom/organ_table.h"
#include "data/phantom/spline_noise.h"

namespace totum {
namespace {

// Volume in mm3 of a shape by counting 1 mm cells of a cube of half-width `reach`.
template <class Inside>
double counted_volume(int reach, Inside inside) {
  double count = 0;
  for (int z = -reach; z < reach; ++z) {
    for (int y = -reach; y < reach; ++y) {
      for (int x = -reach; x < reach; ++x) count += inside(Vector3{x + 0.5, y + 0.5, z + 0.5}) ? 1 : 0;
    }
  }
  return count;
}

TEST(Ellipsoid, HasItsVolumeInAnyRotation) {
  const Ellipsoid straight{{1, 2, 3}, {8, 12, 15}, 2};
  Ellipsoid turned = straight;
  turned.rotation = rotation_z(25) * rotation_x(40);
  const double expected = 4.0 / 3 * std::numbers::pi * 8 * 12 * 15;
  for (const Ellipsoid& shape : {straight, turned}) {
    EXPECT_NEAR(counted_volume(20, [&](const Vector3& q) { return shape.value(q) <= 1; }), expected,
                0.01 * expected);
    const BoundingBox box = shape.bounds();
    EXPECT_NEAR(counted_volume(20, [&](const Vector3& q) { return box.contains(q) && shape.value(q) <= 1; }),
                expected, 0.01 * expected);
  }
}

TEST(Ellipsoid, OfALargeExponentTendsToABox) {
  const Ellipsoid box{{0, 0, 0}, {10, 10, 10}, 40};
  EXPECT_NEAR(counted_volume(12, [&](const Vector3& q) { return box.value(q) <= 1; }), 8000, 300);
}

TEST(Tube, AlongAStraightLineIsACapsule) {
  const Tube tube({{{0, 0, -20}, 10}, {{0, 0, 0}, 10}, {{0, 0, 20}, 10}});
  const double expected = std::numbers::pi * 100 * 40 + 4.0 / 3 * std::numbers::pi * 1000;
  EXPECT_NEAR(counted_volume(32, [&](const Vector3& q) { return tube.hit(q).value <= 1; }), expected,
              0.02 * expected);
  EXPECT_NEAR(tube.hit({6, 0, 4}).value, 0.6, 1e-6);
  EXPECT_GT(tube.hit({100, 0, 0}).value, 1e8);
}

TEST(Tube, IsFlattenedAlongY) {
  const Tube tube({{{0, 6, -10}, 8}, {{0, 6, 10}, 8}}, 0.75);
  EXPECT_NEAR(tube.hit({0, 6 + 6, 0}).value, 1, 1e-9);
  EXPECT_NEAR(tube.hit({8, 6, 0}).value, 1, 1e-9);
}

TEST(SplineNoise, HasMeanZeroAndSdOne) {
  double sum = 0, squares = 0, n = 0;
  std::vector<double> row;
  for (std::uint64_t field = 0; field < 50; ++field) {
    SplineNoise noise(RandomStream(3, "test", field), {24, 20, 12}, {5, 5, 8}, 20);
    for (std::int64_t z = 0; z < 12; ++z) {
      for (std::int64_t y = 0; y < 20; ++y) {
        noise.row(z, y, row);
        for (const double v : row) {
          sum += v;
          squares += v * v;
          ++n;
        }
      }
    }
  }
  EXPECT_NEAR(sum / n, 0, 0.05);
  EXPECT_NEAR(std::sqrt(squares / n), 1, 0.05);
}

TEST(GaussianBlur, KeepsAConstantAndSpreadsAnImpulse) {
  std::vector<float> constant(5 * 4 * 3, 2.0F);
  gaussian_blur(constant, {5, 4, 3}, {1, 1, 1});
  for (const float v : constant) EXPECT_NEAR(v, 2, 1e-5);
  std::vector<float> impulse(21, 0.0F);
  impulse[10] = 1;
  gaussian_blur(impulse, {21, 1, 1}, {1.5, 0, 0});
  double sum = 0, variance = 0;
  for (int i = 0; i < 21; ++i) {
    sum += static_cast<double>(impulse[static_cast<std::size_t>(i)]);
    variance += (i - 10) * (i - 10) * static_cast<double>(impulse[static_cast<std::size_t>(i)]);
  }
  EXPECT_NEAR(sum, 1, 1e-5);
  EXPECT_NEAR(std::sqrt(variance), 1.5, 0.05);
}

TEST(OrganTable, HoldsTheEmbeddedNumbers) {
  const OrganTable& table = organ_table();
  EXPECT_EQ(table[5].name, "liver");
  EXPECT_EQ(table[5].volume_ml, 1450);
  EXPECT_EQ(table[7].name, "arota");
  EXPECT_EQ(table[3].mr[static_cast<std::size_t>(MrSequence::t2fs)], 800);
  EXPECT_DOUBLE_EQ(table[12].texture_sd, 0.12);
}

}  // namespace
}  // namespace totum
