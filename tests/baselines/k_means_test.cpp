#include "baselines/k_means.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace totum {
namespace {

TEST(KMeans, FindsGroupsThatLieFarApart) {
  RandomStream noise(1, "noise");
  std::vector<FeatureVector> points;
  for (std::int64_t i = 0; i < 60; ++i) {
    const double angle = static_cast<double>(i % 6);  // six groups on a circle of radius 10
    points.push_back(
        {10 * std::cos(angle) + noise.normal(0, 0.1), 10 * std::sin(angle) + noise.normal(0, 0.1)});
  }
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    RandomStream random(seed, "k-means");
    const auto cluster = k_means(points, 6, random);
    std::set<std::int64_t> used;
    for (std::size_t i = 0; i < 60; ++i) {
      EXPECT_EQ(cluster[i], cluster[i % 6]) << i;
      used.insert(cluster[i]);
    }
    EXPECT_EQ(used.size(), 6U);
  }
}

TEST(KMeans, GivesEachOfKDifferentPointsItsOwnCluster) {
  RandomStream random(3, "k-means");
  const auto cluster = k_means({{0.0}, {0.0}, {1.0}, {7.0}, {7.5}}, 4, random);
  EXPECT_EQ(cluster[0], cluster[1]);
  EXPECT_EQ((std::set<std::int64_t>(cluster.begin(), cluster.end())), (std::set<std::int64_t>{0, 1, 2, 3}));
}

TEST(KMeans, RepeatsItself) {
  RandomStream noise(1, "noise");
  std::vector<FeatureVector> points;
  for (int i = 0; i < 40; ++i) points.push_back({noise.normal(), noise.normal()});
  RandomStream first(2, "k-means"), second(2, "k-means");
  EXPECT_EQ(k_means(points, 5, first), k_means(points, 5, second));
}

TEST(KMeans, RefusesMoreClustersThanPoints) {
  RandomStream random(1, "k-means");
  EXPECT_THROW(k_means({{0.0}}, 2, random), c10::Error);
  EXPECT_THROW(k_means({{0.0}}, 0, random), c10::Error);
}

}  // namespace
}  // namespace totum
