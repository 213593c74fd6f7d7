#include "evaluation/nearest_places.h"

#include <cmath>
#include <nanoflann.hpp>

namespace totum {

namespace {

// nanoflann's view of the places.
struct PointCloud {
  const SurfacePlaces& places;
  [[nodiscard]] std::size_t kdtree_get_point_count() const { return places.size(); }
  [[nodiscard]] double kdtree_get_pt(std::size_t i, std::size_t axis) const { return places[i][axis]; }
  template <class Box>
  [[nodiscard]] bool kdtree_get_bbox(Box&) const {
    return false;
  }
};

using Tree =
    nanoflann::KDTreeSingleIndexAdaptor<nanoflann::L2_Simple_Adaptor<double, PointCloud>, PointCloud, 3>;

}  // namespace

std::vector<double> nearest_distances_mm(const SurfacePlaces& from, const SurfacePlaces& to) {
  const PointCloud cloud{to};
  const Tree tree(3, cloud);  // built by its constructor
  std::vector<double> distances;
  distances.reserve(from.size());
  for (const Vector3& place : from) {
    std::size_t nearest = 0;
    double squared = 0;
    nanoflann::KNNResultSet<double> result(1);
    result.init(&nearest, &squared);
    tree.findNeighbors(result, place.data(), nanoflann::SearchParams());
    distances.push_back(std::sqrt(squared));
  }
  return distances;
}

}  // namespace totum
