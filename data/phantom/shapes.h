#pragma once
// The shapes that organs are made of. Each has an implicit value: at most 1 inside, about the relative
// distance from the centre or axis. Millimetres in canonical coordinates.

#include <array>
#include <vector>

#include "data/volume.h"

namespace totum {

using Matrix3 = std::array<std::array<double, 3>, 3>;
Matrix3 rotation_x(double degrees);
Matrix3 rotation_y(double degrees);
Matrix3 rotation_z(double degrees);
Matrix3 operator*(const Matrix3& a, const Matrix3& b);
Vector3 operator*(const Matrix3& m, const Vector3& v);
inline Vector3 operator+(const Vector3& a, const Vector3& b) {
  return {a[0] + b[0], a[1] + b[1], a[2] + b[2]};
}
inline Vector3 operator-(const Vector3& a, const Vector3& b) {
  return {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
}
inline Vector3 operator*(double s, const Vector3& v) { return {s * v[0], s * v[1], s * v[2]}; }

struct BoundingBox {
  Vector3 low{1e9, 1e9, 1e9}, high{-1e9, -1e9, -1e9};
  void include(const Vector3& centre, double radius);
  [[nodiscard]] bool contains(const Vector3& q) const {
    return q[0] >= low[0] && q[0] <= high[0] && q[1] >= low[1] && q[1] <= high[1] && q[2] >= low[2] &&
           q[2] <= high[2];
  }
};

/// A rotated superellipsoid: sum |R (q - centre) / radius|^exponent <= 1.
struct Ellipsoid {
  Vector3 centre{}, radius{};
  double exponent = 2;
  Matrix3 rotation{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};

  /// (sum …)^(1/exponent): 0 in the centre, 1 on the surface.
  [[nodiscard]] double value(const Vector3& q) const;
  [[nodiscard]] BoundingBox bounds() const;
};

struct TubePoint {
  Vector3 at{};       // millimetres
  double radius = 0;  // millimetres
};

/// A tube of varying radius along a Catmull-Rom curve; rounded ends.
class Tube {
 public:
  Tube() = default;
  /// `flatten_y`: the tube's extent along y is this fraction of its radius.
  explicit Tube(const std::vector<TubePoint>& points, double flatten_y = 1);

  struct Hit {
    double value =
        1e9;         // distance from the axis over the radius there, smallest over the tube; 1e9 far outside
    Vector3 axis{};  // the nearest point of the axis
    double radius = 0;
  };
  [[nodiscard]] Hit hit(const Vector3& q) const;
  [[nodiscard]] const BoundingBox& bounds() const { return bounds_; }

 private:
  struct Segment {
    Vector3 begin, along;  // y already divided by flatten_y_
    double radius = 0, radius_step = 0, inverse_square_length = 0;
    BoundingBox bounds;
  };
  std::vector<Segment> segments_;
  BoundingBox bounds_;
  double flatten_y_ = 1;
};

}  // namespace totum
