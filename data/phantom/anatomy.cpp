#include "data/phantom/anatomy.h"

#include <algorithm>
#include <cmath>

namespace totum {

namespace {

// Painted first to last; a later organ replaces an earlier one.
constexpr std::array<std::int64_t, 13> kPaintingOrder{6, 1, 2, 3, 7, 13, 10, 9, 5, 8, 4, 11, 12};
constexpr double kVenaCavaFlattening = 0.75;
constexpr double kMedullaDepthMm = 9, kKidneyRadiusMm = 29;

struct FractionPoint {
  Vector3 at;
  double radius_mm;
};

std::vector<FractionPoint> tube_points(std::int64_t organ) {
  switch (organ) {
    case 4:
      return {{{.70, .72, .41}, 15}, {{.69, .68, .44}, 15}, {{.66, .62, .48}, 6}};
    case 5:
      return {{{.46, .40, 1.06}, 8.5}, {{.455, .42, .86}, 8.7}, {{.44, .47, .75}, 9}, {{.40, .53, .69}, 9}};
    case 7:
      return {{{.30, .47, .74}, 31},
              {{.30, .60, .66}, 33},
              {{.34, .73, .55}, 27},
              {{.44, .76, .485}, 20},
              {{.555, .69, .475}, 11}};
    case 8:
      return {
          {{.46, .37, 1.08}, 11.5}, {{.465, .40, .80}, 11}, {{.475, .44, .45}, 10}, {{.485, .47, .13}, 8.5}};
    case 9:
      return {
          {{.57, .52, .86}, 13}, {{.575, .48, .66}, 12.3}, {{.57, .46, .45}, 11.7}, {{.545, .475, .12}, 11}};
    case 10:
      return {{{.61, .58, .41}, 15},
              {{.575, .61, .455}, 12},
              {{.50, .62, .49}, 10},
              {{.40, .56, .52}, 10.5},
              {{.29, .47, .57}, 10}};
    default:  // 13
      return {{{.57, .69, .47}, 13},   {{.635, .64, .46}, 12.7},  {{.665, .58, .39}, 12.3},
              {{.64, .545, .315}, 12}, {{.56, .545, .285}, 11.7}, {{.475, .56, .30}, 11.3},
              {{.425, .59, .365}, 11}};
  }
}

Vector3 centre_of(std::int64_t organ) {
  return from_fraction(organ_table()[static_cast<std::size_t>(organ - 1)].centre_fraction);
}

// Parts and holes relative to the organ's centre, at scale 1.
void spleen_parts(std::vector<Ellipsoid>& parts, std::vector<Ellipsoid>& holes) {
  const Matrix3 rotation = rotation_z(18) * rotation_x(12);
  parts = {{{0, 0, 0}, {30, 46, 58}, 2, rotation}};
  holes = {{{30, 10, -2}, {30, 42, 50}, 2, rotation}};
}

void kidney_parts(double side, std::vector<Ellipsoid>& parts, std::vector<Ellipsoid>& holes) {
  const Matrix3 rotation = rotation_y(12 * side) * rotation_z(20 * side);
  parts = {{{0, 0, 0}, {kKidneyRadiusMm, 31, 57}, 2.2, rotation}};
  holes = {{{-22 * side, 8, 0}, {16, 13, 20}, 2, rotation}};
}

void liver_parts(std::vector<Ellipsoid>& parts) {
  const Vector3 centre = centre_of(6);
  parts = {{from_fraction({.73, .55, .57}) - centre, {78, 92, 84}, 2.6, rotation_z(0)},
           {from_fraction({.50, .73, .64}) - centre, {82, 36, 38}, 2.3, rotation_y(8)}};
}

void adrenal_parts(double side, std::vector<Ellipsoid>& parts) {
  parts = {{{3.5 * side, -2, 0}, {3.4, 12, 15}, 2, rotation_z(-24 * side)},
           {{-3.5 * side, 0, -2}, {0.9 * 3.4, 0.9 * 12, 0.9 * 15}, 2, rotation_z(14 * side)}};
}

void place_parts(std::vector<Ellipsoid>& parts, const Vector3& centre, double scale) {
  for (Ellipsoid& part : parts) {
    part.centre = centre + scale * part.centre;
    part.radius = scale * part.radius;
  }
}

// The liver's lower (visceral) surface; `q` without the organ's jitter.
bool above_visceral_surface(const Vector3& q, double scale) {
  return q[2] >= -20 - 0.50 * q[1] - 0.25 * (q[0] - 60) - 60 * (scale - 1);
}

}  // namespace

Anatomy::Organ Anatomy::make_organ(std::int64_t id, const OrganDraw& draw) {
  Organ organ{id, {}, {}, {}, {}, draw.jitter_mm, draw.scale};
  switch (id) {
    case 1:
      spleen_parts(organ.parts, organ.holes);
      break;
    case 2:
      kidney_parts(1, organ.parts, organ.holes);
      break;
    case 3:
      kidney_parts(-1, organ.parts, organ.holes);
      break;
    case 6:
      liver_parts(organ.parts);
      break;
    case 11:
      adrenal_parts(1, organ.parts);
      break;
    case 12:
      adrenal_parts(-1, organ.parts);
      break;
    default:
      break;
  }
  const Vector3 centre = centre_of(id) + draw.jitter_mm;
  place_parts(organ.parts, centre, draw.scale);
  place_parts(organ.holes, centre, draw.scale);
  for (const Ellipsoid& part : organ.parts) {
    const BoundingBox box = part.bounds();
    organ.bounds.include(box.low, 0);
    organ.bounds.include(box.high, 0);
  }
  if (organ.parts.empty()) {
    std::vector<TubePoint> points;
    for (const FractionPoint& point : tube_points(id)) {
      points.push_back({from_fraction(point.at) + draw.jitter_mm, point.radius_mm * draw.scale});
    }
    organ.tube = Tube(points, id == 9 ? kVenaCavaFlattening : 1.0);
    organ.bounds = organ.tube.bounds();
  }
  return organ;
}

Anatomy::Anatomy(const Subject& subject) : background_(subject), stomach_gas_y_mm_(subject.stomach_gas_y_mm) {
  for (auto id = kPaintingOrder.rbegin(); id != kPaintingOrder.rend(); ++id) {
    const OrganDraw& draw = subject.organs[static_cast<std::size_t>(*id - 1)];
    if (!draw.missing) organs_.push_back(make_organ(*id, draw));
  }
}

bool Anatomy::covers(const Organ& organ, const Vector3& q, Tissue& tissue) const {
  tissue = static_cast<Tissue>(organ.id);
  if (organ.parts.empty()) {
    const Tube::Hit hit = organ.tube.hit(q);
    if (organ.id == 7 && hit.value < 0.82 && q[1] > stomach_gas_y_mm_) tissue = Tissue::gas;
    return hit.value <= 1;
  }
  double value = 2;
  for (const Ellipsoid& part : organ.parts) value = std::min(value, part.value(q));
  if (value > 1) return false;
  for (const Ellipsoid& hole : organ.holes) {
    if (hole.value(q) <= 1) return false;
  }
  if (organ.id == 6 || organ.id == 1) {
    if (torso_value(q, 0) > 0.985 || q[2] > diaphragm_mm(q)) return false;
  }
  if (organ.id == 6) return above_visceral_surface(q - organ.jitter_mm, organ.scale);
  const bool deep = (1 - value) * kKidneyRadiusMm * organ.scale > kMedullaDepthMm;
  if (deep && organ.id == 2) tissue = Tissue::right_medulla;
  if (deep && organ.id == 3) tissue = Tissue::left_medulla;
  return true;
}

Place Anatomy::at(const Vector3& q) const {
  const BackgroundPlace background = background_.at(q);
  if (background.room == Room::none) return {background.tissue, 0};
  for (const Organ& organ : organs_) {
    const bool enters_all = organ.id == 5 || organ.id == 8 || organ.id == 9;
    if ((background.room == Room::vessels && !enters_all) || !organ.bounds.contains(q)) continue;
    Tissue tissue{};
    if (covers(organ, q, tissue)) return {tissue, static_cast<std::uint8_t>(organ.id)};
  }
  return {background.tissue, 0};
}

namespace {

std::array<double, 13> measure_base_volumes() {
  constexpr double kStepMm = 4;
  const Anatomy anatomy{Subject{}};
  std::array<double, 13> ml{};
  const auto steps = [](double length_mm) { return static_cast<int>(length_mm / kStepMm); };
  for (int k = 0; k < steps(kTorsoBoxMm[2]); ++k) {
    for (int j = 0; j < steps(kTorsoBoxMm[1]); ++j) {
      for (int i = 0; i < steps(kTorsoBoxMm[0]); ++i) {
        const Vector3 q{(i + 0.5) * kStepMm - kTorsoBoxMm[0] / 2, (j + 0.5) * kStepMm - kTorsoBoxMm[1] / 2,
                        (k + 0.5) * kStepMm - kTorsoBoxMm[2] / 2};
        const std::uint8_t label = anatomy.at(q).label;
        if (label > 0) ml[label - 1U] += kStepMm * kStepMm * kStepMm / 1000;
      }
    }
  }
  return ml;
}

}  // namespace

const std::array<double, 13>& base_volumes_ml() {
  static const std::array<double, 13> ml = measure_base_volumes();
  return ml;
}

}  // namespace totum
