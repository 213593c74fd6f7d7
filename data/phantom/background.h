#pragma once
// The body without its 13 organs: skin, muscle, skeleton, lungs, bowel.

#include <cstdint>

#include "data/phantom/subject.h"

namespace totum {

/// Tissues that have an intensity of their own. 1..13 are the organs.
enum class Tissue : std::uint8_t {
  air = 0,
  spleen = 1,
  right_kidney = 2,
  left_kidney = 3,
  stomach = 7,
  duodenum = 13,
  fat = 14,
  muscle,
  lung,
  bone,
  cortex,
  disc,
  cord,
  heart,
  bowel_wall,
  bowel,
  gas,
  table,
  right_medulla,
  left_medulla,
};
inline constexpr std::size_t kTissues = 28;

/// May an organ lie here instead of the background?
enum class Room : std::uint8_t {
  none,     // air, skin fat, bone, spinal canal
  vessels,  // muscle, lung, mediastinum: only esophagus, aorta and vena cava
  open,     // abdominal cavity
};

struct BackgroundPlace {
  Tissue tissue = Tissue::air;
  Room room = Room::none;
};

class Background {
 public:
  explicit Background(const Subject& subject);
  /// `q` in canonical millimetres.
  [[nodiscard]] BackgroundPlace at(const Vector3& q) const;

 private:
  [[nodiscard]] BackgroundPlace cavity(const Vector3& q) const;
  struct Loop {
    Tube tube;
    double gas_level;
  };
  double fat_mm_;
  std::vector<Loop> bowel_;  // the colon, then small-bowel loops
};

/// Superellipse of the torso, grown by `g` mm; at most 1 inside.
double torso_value(const Vector3& q, double g);
/// Height of the diaphragm above (x,y), mm.
double diaphragm_mm(const Vector3& q);

}  // namespace totum
