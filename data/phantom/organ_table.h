#pragma once
// The numbers of the 13 organs: where they lie, how large they are, how they look. From organs.csv.

#include <array>
#include <cstdint>
#include <string>

#include "data/volume.h"

namespace totum {

enum class MrSequence : std::uint8_t { t1, t2fs, t1ce };  // T1, fat-suppressed T2, contrast-enhanced T1
inline constexpr std::size_t kMrSequences = 3;
const char* to_string(MrSequence sequence);

struct OrganRow {
  std::int64_t id = 0;        // class index 1..13
  std::string name;           // AMOS22's own spelling ("arota")
  Vector3 centre_fraction{};  // of the torso box, 0..1
  Vector3 extent_mm{};        // bounding size of a typical organ
  double volume_ml = 0;       // mean
  double volume_cv = 0;       // SD / mean
  double jitter_mm = 0;       // SD of the centre along each axis
  double hu_portal_venous = 0, hu_unenhanced = 0;
  std::array<double, kMrSequences> mr{};  // t1, t2fs, t1ce; unenhanced liver = 100
  double texture_sd = 0;                  // fraction of the mean; times 90 HU in CT
};

/// By class index minus 1.
using OrganTable = std::array<OrganRow, 13>;
const OrganTable& organ_table();

/// Canonical torso box: x to the patient's right, y to the front, z up, origin in its centre (so: RAS+
/// millimetres).
inline constexpr Vector3 kTorsoBoxMm{330, 230, 280};
constexpr Vector3 from_fraction(const Vector3& fraction) {
  return {(fraction[0] - 0.5) * kTorsoBoxMm[0], (fraction[1] - 0.5) * kTorsoBoxMm[1],
          (fraction[2] - 0.5) * kTorsoBoxMm[2]};
}

}  // namespace totum
