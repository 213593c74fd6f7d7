#include "data/phantom/shapes.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace totum {

namespace {

constexpr int kSegmentsPerSpan = 6;

double radians(double degrees) { return degrees * std::numbers::pi / 180; }

// Catmull-Rom interpolation of p1..p2 at t in [0,1].
double catmull_rom(double p0, double p1, double p2, double p3, double t) {
  return 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t * t +
                (3 * p1 - p0 - 3 * p2 + p3) * t * t * t);
}

// The points of the curve, six for each span; radii change linearly within a span.
std::vector<TubePoint> subdivide(const std::vector<TubePoint>& points) {
  std::vector<TubePoint> curve{points.front()};
  for (std::size_t span = 0; span + 1 < points.size(); ++span) {
    const TubePoint& p0 = points[span == 0 ? 0 : span - 1];
    const TubePoint& p1 = points[span];
    const TubePoint& p2 = points[span + 1];
    const TubePoint& p3 = points[std::min(span + 2, points.size() - 1)];
    for (int step = 1; step <= kSegmentsPerSpan; ++step) {
      const double t = static_cast<double>(step) / kSegmentsPerSpan;
      TubePoint next;
      for (std::size_t a = 0; a < 3; ++a) next.at[a] = catmull_rom(p0.at[a], p1.at[a], p2.at[a], p3.at[a], t);
      next.radius = p1.radius + t * (p2.radius - p1.radius);
      curve.push_back(next);
    }
  }
  return curve;
}

double dot(const Vector3& a, const Vector3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

}  // namespace

Matrix3 rotation_x(double degrees) {
  const double c = std::cos(radians(degrees)), s = std::sin(radians(degrees));
  return {{{1, 0, 0}, {0, c, -s}, {0, s, c}}};
}
Matrix3 rotation_y(double degrees) {
  const double c = std::cos(radians(degrees)), s = std::sin(radians(degrees));
  return {{{c, 0, s}, {0, 1, 0}, {-s, 0, c}}};
}
Matrix3 rotation_z(double degrees) {
  const double c = std::cos(radians(degrees)), s = std::sin(radians(degrees));
  return {{{c, -s, 0}, {s, c, 0}, {0, 0, 1}}};
}

Matrix3 operator*(const Matrix3& a, const Matrix3& b) {
  Matrix3 out{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) out[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
  }
  return out;
}

Vector3 operator*(const Matrix3& m, const Vector3& v) { return {dot(m[0], v), dot(m[1], v), dot(m[2], v)}; }

void BoundingBox::include(const Vector3& centre, double radius) {
  for (std::size_t a = 0; a < 3; ++a) {
    low[a] = std::min(low[a], centre[a] - radius);
    high[a] = std::max(high[a], centre[a] + radius);
  }
}

double Ellipsoid::value(const Vector3& q) const {
  const Vector3 r = rotation * (q - centre);
  const double a = std::abs(r[0] / radius[0]), b = std::abs(r[1] / radius[1]), c = std::abs(r[2] / radius[2]);
  if (exponent == 2) return std::sqrt(a * a + b * b + c * c);
  if (a > 1.2 || b > 1.2 || c > 1.2) return std::max({a, b, c});  // outside anyway: saves the powers
  return std::pow(std::pow(a, exponent) + std::pow(b, exponent) + std::pow(c, exponent), 1 / exponent);
}

BoundingBox Ellipsoid::bounds() const {
  BoundingBox box;
  const double reach = std::max({radius[0], radius[1], radius[2]});
  box.include(centre, exponent > 2 ? reach * std::sqrt(3.0) : reach);
  for (std::size_t a = 0; a < 3;
       ++a) {  // the extent of the rotated box of radii is a tighter bound along each axis
    const double extent = std::abs(rotation[0][a]) * radius[0] + std::abs(rotation[1][a]) * radius[1] +
                          std::abs(rotation[2][a]) * radius[2];
    box.low[a] = std::max(box.low[a], centre[a] - extent);
    box.high[a] = std::min(box.high[a], centre[a] + extent);
  }
  return box;
}

Tube::Tube(const std::vector<TubePoint>& points, double flatten_y) : flatten_y_(flatten_y) {
  const std::vector<TubePoint> curve = subdivide(points);
  for (std::size_t i = 0; i + 1 < curve.size(); ++i) {
    Segment segment;
    const auto stretched = [&](const Vector3& v) { return Vector3{v[0], v[1] / flatten_y, v[2]}; };
    segment.begin = stretched(curve[i].at);
    segment.along = stretched(curve[i + 1].at) - segment.begin;
    segment.radius = curve[i].radius;
    segment.radius_step = curve[i + 1].radius - curve[i].radius;
    segment.inverse_square_length = 1 / std::max(1e-9, dot(segment.along, segment.along));
    for (std::size_t end = i; end < i + 2; ++end) {
      segment.bounds.include(curve[end].at, curve[end].radius);
      bounds_.include(curve[end].at, curve[end].radius);
    }
    segments_.push_back(segment);
  }
}

Tube::Hit Tube::hit(const Vector3& q) const {
  Hit best;
  for (const Segment& segment : segments_) {
    if (!segment.bounds.contains(q)) continue;
    const Vector3 p{q[0], q[1] / flatten_y_, q[2]};
    const Vector3 offset = p - segment.begin;
    const double t = std::clamp(dot(offset, segment.along) * segment.inverse_square_length, 0.0, 1.0);
    const Vector3 axis = segment.begin + t * segment.along;
    const double radius = segment.radius + t * segment.radius_step;
    const Vector3 away = p - axis;
    const double value = std::sqrt(dot(away, away)) / radius;
    if (value < best.value) best = {value, {axis[0], axis[1] * flatten_y_, axis[2]}, radius};
  }
  return best;
}

}  // namespace totum
