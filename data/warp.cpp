#include "data/warp.h"

#include <algorithm>

namespace totum {

Vector3 Warp::at(const Vector3& place) const {
  Shape3 low{};
  Vector3 share{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const auto last = static_cast<double>(points[axis] - 1);
    const double position = std::clamp(place[axis], 0.0, 1.0) * last;
    low[axis] = std::min(static_cast<std::int64_t>(position), points[axis] - 2);
    share[axis] = position - static_cast<double>(low[axis]);
  }
  const std::int64_t row = points[2];
  const std::int64_t plane = points[1] * row;
  const std::int64_t volume = points[0] * plane;
  const std::int64_t first = low[0] * plane + low[1] * row + low[2];
  Vector3 out{};
  for (std::size_t corner = 0; corner < 8; ++corner) {
    const std::array<bool, 3> upper{(corner & 1U) != 0, (corner & 2U) != 0, (corner & 4U) != 0};
    double weight = 1;
    for (std::size_t axis = 0; axis < 3; ++axis) weight *= upper[axis] ? share[axis] : 1 - share[axis];
    const std::int64_t at = first + (upper[0] ? plane : 0) + (upper[1] ? row : 0) + (upper[2] ? 1 : 0);
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const auto index = static_cast<std::size_t>(static_cast<std::int64_t>(axis) * volume + at);
      out[axis] += weight * static_cast<double>(displacement[index]);
    }
  }
  return out;
}

}  // namespace totum
