#pragma once
// The phantom's body as a function of a point: which tissue is there, and which organ it belongs to.

#include <array>
#include <cstdint>

#include "data/phantom/background.h"
#include "data/phantom/subject.h"

namespace totum {

/// What lies at a point: the tissue decides the intensity, the label is what a reader would outline.
struct Place {
  Tissue tissue = Tissue::air;
  std::uint8_t label = 0;  // 0..13
};

/// One subject's organs and background in canonical millimetres. Organs do not overlap: later ones win.
class Anatomy {
 public:
  explicit Anatomy(const Subject& subject);
  [[nodiscard]] Place at(const Vector3& q) const;

 private:
  struct Organ {
    std::int64_t id = 0;
    std::vector<Ellipsoid> parts;  // their union …
    std::vector<Ellipsoid> holes;  // … without these
    Tube tube;                     // if it has no parts
    BoundingBox bounds;
    Vector3 jitter_mm{};
    double scale = 1;
  };
  static Organ make_organ(std::int64_t id, const OrganDraw& draw);
  [[nodiscard]] bool covers(const Organ& organ, const Vector3& q, Tissue& tissue) const;

  Background background_;
  std::vector<Organ> organs_;  // last painted first
  double stomach_gas_y_mm_;
};

/// Volumes in ml of the 13 organs of a subject without variation, on a 4 mm grid over the torso box; what a
/// drawn volume is scaled from.
const std::array<double, 13>& base_volumes_ml();

}  // namespace totum
