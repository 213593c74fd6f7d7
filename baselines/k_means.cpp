#include "baselines/k_means.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <limits>

namespace totum {

namespace {

double squared_distance(const FeatureVector& a, const FeatureVector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

// The first centre is any point; each further one a point drawn by its squared distance to the nearest so
// far.
std::vector<FeatureVector> first_centres(const std::vector<FeatureVector>& points, std::int64_t k,
                                         RandomStream& random) {
  std::vector<FeatureVector> centres{points[static_cast<std::size_t>(random.below(std::ssize(points)))]};
  std::vector<double> distance(points.size(), std::numeric_limits<double>::infinity());
  while (std::ssize(centres) < k) {
    double sum = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
      distance[i] = std::min(distance[i], squared_distance(points[i], centres.back()));
      sum += distance[i];
    }
    double left = random.uniform() * sum;
    std::size_t chosen = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (distance[i] == 0) continue;
      chosen = i;
      left -= distance[i];
      if (left < 0) break;
    }
    centres.push_back(points[chosen]);
  }
  return centres;
}

std::int64_t nearest(const FeatureVector& point, const std::vector<FeatureVector>& centres) {
  std::size_t best = 0;
  for (std::size_t c = 1; c < centres.size(); ++c) {
    if (squared_distance(point, centres[c]) < squared_distance(point, centres[best])) best = c;
  }
  return static_cast<std::int64_t>(best);
}

// Means of the clusters; an empty one takes the point that is farthest from its own centre.
void move_centres(std::vector<FeatureVector>& centres, const std::vector<FeatureVector>& points,
                  const std::vector<std::int64_t>& cluster) {
  const std::vector<FeatureVector> old = centres;
  std::vector<double> count(centres.size(), 0);
  for (FeatureVector& centre : centres) std::fill(centre.begin(), centre.end(), 0.0);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto c = static_cast<std::size_t>(cluster[i]);
    count[c] += 1;
    for (std::size_t d = 0; d < points[i].size(); ++d) centres[c][d] += points[i][d];
  }
  const auto farther = [&](std::size_t a, std::size_t b) {
    return squared_distance(points[a], old[static_cast<std::size_t>(cluster[a])]) <
           squared_distance(points[b], old[static_cast<std::size_t>(cluster[b])]);
  };
  for (std::size_t c = 0; c < centres.size(); ++c) {
    if (count[c] > 0) {
      for (double& value : centres[c]) value /= count[c];
      continue;
    }
    std::size_t farthest = 0;
    for (std::size_t i = 1; i < points.size(); ++i) farthest = farther(farthest, i) ? i : farthest;
    centres[c] = points[farthest];
  }
}

}  // namespace

std::vector<std::int64_t> k_means(const std::vector<FeatureVector>& points, std::int64_t k,
                                  RandomStream& random) {
  TORCH_CHECK(k >= 1 && k <= std::ssize(points), "k-means into ", k, " clusters of ", points.size(),
              " points");
  constexpr int kMostIterations = 100;
  std::vector<FeatureVector> centres = first_centres(points, k, random);
  std::vector<std::int64_t> cluster(points.size(), -1);
  for (int iteration = 0; iteration < kMostIterations; ++iteration) {
    const std::vector<std::int64_t> before = cluster;
    for (std::size_t i = 0; i < points.size(); ++i) cluster[i] = nearest(points[i], centres);
    if (cluster == before) break;
    move_centres(centres, points, cluster);
  }
  return cluster;
}

}  // namespace totum
