#include "data/phantom/background.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace totum {

namespace {

constexpr double kWallMm = 12;
constexpr double kVertebraPeriodMm = 34, kVertebraMm = 26;
constexpr double kRibPeriodMm = 27, kRibMm = 9;

double z_fraction(const Vector3& q) { return q[2] / kTorsoBoxMm[2] + 0.5; }
double square(double v) { return v * v; }

// Remainder in [0, period).
double phase(double value, double period) { return value - period * std::floor(value / period); }

double spine_y_mm(double zf) { return (-0.21 - 0.045 * std::cos(3 * zf)) * kTorsoBoxMm[1]; }

// Vertebra, disc, arch, canal and spinous process; `back` is y minus the spine's axis.
std::optional<Tissue> skeleton_of_spine(const Vector3& q, double back) {
  if (std::abs(q[0]) > 24 || back > 18 || back < -62) return std::nullopt;
  const double z = phase(q[2] - kTorsoBoxMm[2] / 2, kVertebraPeriodMm);
  const double arch_mm = std::hypot(q[0], back + 24);
  if (arch_mm <= 8.5) return Tissue::cord;
  if (arch_mm <= 14) return Tissue::bone;
  const double body =
      std::pow(std::pow(std::abs(q[0] / 22), 2.3) + std::pow(std::abs(back / 17), 2.3), 1 / 2.3);
  if (body <= 1) {
    if (z > kVertebraMm) return Tissue::disc;
    return (1 - body) * 17 < 2.5 ? Tissue::cortex : Tissue::bone;
  }
  const bool spinous = std::abs(q[0]) < 4 && back < -37 && back > -58 && z < 18;
  return spinous ? std::optional(Tissue::bone) : std::nullopt;
}

bool in_back_muscle(const Vector3& q, double back, double zf) {
  const double side = std::abs(q[0]);
  if (square((side - 34) / 30) + square((back + 34) / 20) <= 1) return true;
  const double radius = std::min(24.0, (0.62 - zf) * 48);
  return radius > 0 && std::hypot(side - (26 + (0.6 - zf) * 28), back - 4) <= radius;
}

bool in_dorsal_block(const Vector3& q, double back) {
  return std::pow(std::abs(q[0] / 68), 2.2) + std::pow(std::clamp(back + 30, 0.0, 99.0) / 34, 2.2) <= 1;
}

// Oblique bands in the middle of the wall, above the costal margin, not in the midline in front.
bool in_rib(const Vector3& q) {
  if (q[2] < -20 + 0.6 * std::max(q[1], -40.0) || (q[1] > 0 && std::abs(q[0]) < 40)) return false;
  return phase(q[2] + 0.5 * q[1] + 0.1 * std::abs(q[0]), kRibPeriodMm) < kRibMm && torso_value(q, 3) > 1 &&
         torso_value(q, 10) <= 1;
}

BackgroundPlace chest(const Vector3& q) {
  const Vector3 heart = q - from_fraction({0.42, 0.68, 1.02});
  if (square(heart[0] / 52) + square(heart[1] / 38) + square(heart[2] / 42) <= 1)
    return {Tissue::heart, Room::vessels};
  const bool mediastinum = square((q[0] + 6) / 32) + square((q[1] + 8) / 74) <= 1;
  return {mediastinum ? Tissue::fat : Tissue::lung, Room::vessels};
}

std::vector<TubePoint> colon() {
  const std::vector<Vector3> fractions{{.86, .52, .02}, {.87, .55, .20}, {.83, .60, .30},
                                       {.74, .80, .36}, {.50, .86, .33}, {.28, .80, .42},
                                       {.15, .55, .42}, {.13, .48, .20}, {.15, .50, .0}};
  std::vector<TubePoint> points;
  for (std::size_t i = 0; i < fractions.size(); ++i) {
    points.push_back({from_fraction(fractions[i]), 22.0 - 1.0 * static_cast<double>(i)});  // 22..14 mm
  }
  return points;
}

}  // namespace

double torso_value(const Vector3& q, double g) {
  return std::pow(std::abs(q[0]) / (135 + g), 2.4) + std::pow(std::abs(q[1]) / (88 + 0.85 * g), 2.4);
}

double diaphragm_mm(const Vector3& q) {
  return std::max(112 - 0.006 * square(q[0] - 68) - 0.008 * square(q[1] - 8),
                  100 - 0.007 * square(q[0] + 68) - 0.008 * square(q[1] - 5));
}

Background::Background(const Subject& subject) : fat_mm_(subject.fat_mm) {
  bowel_.push_back({Tube(colon()), subject.colon_gas_level});
  for (const BowelLoop& loop : subject.bowel_loops) bowel_.push_back({Tube(loop.points), loop.gas_level});
}

BackgroundPlace Background::cavity(const Vector3& q) const {
  if (q[2] > diaphragm_mm(q)) return chest(q);
  for (auto loop = bowel_.rbegin(); loop != bowel_.rend(); ++loop) {
    if (!loop->tube.bounds().contains(q)) continue;
    const Tube::Hit hit = loop->tube.hit(q);
    if (hit.value > 1) continue;
    if (hit.value > 0.8) return {Tissue::bowel_wall, Room::open};
    const bool gas = q[1] - hit.axis[1] > loop->gas_level * hit.radius;
    return {gas ? Tissue::gas : Tissue::bowel, Room::open};
  }
  return {Tissue::fat, Room::open};
}

BackgroundPlace Background::at(const Vector3& q) const {
  const double skin = kWallMm + fat_mm_;
  if (std::abs(q[0]) > 135 + skin || std::abs(q[1]) > 88 + 0.85 * skin || torso_value(q, skin) > 1) return {};
  const double zf = z_fraction(q);
  const double back = q[1] - spine_y_mm(zf);
  if (const auto bone = skeleton_of_spine(q, back)) return {*bone, Room::none};
  if (back < 30 && in_back_muscle(q, back, zf)) return {Tissue::muscle, Room::vessels};
  if (torso_value(q, kWallMm) > 1) return {Tissue::fat, Room::none};
  if (torso_value(q, 0) > 1 || in_dorsal_block(q, back)) {
    return in_rib(q) ? BackgroundPlace{Tissue::bone, Room::none}
                     : BackgroundPlace{Tissue::muscle, Room::vessels};
  }
  return cavity(q);
}

}  // namespace totum
