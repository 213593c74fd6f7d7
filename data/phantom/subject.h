#pragma once
// What makes one subject differ from the next: body, organ positions and sizes, bowel.

#include <array>
#include <cstdint>
#include <vector>

#include "data/phantom/organ_table.h"
#include "data/phantom/shapes.h"

namespace totum {

struct OrganDraw {
  Vector3 jitter_mm{0, 0, 0};  // of the centre
  double volume_factor = 1;    // the drawn volume over the table's mean
  double scale = 1;            // linear (of the radii alone for tubes)
  bool missing = false;
};

struct BowelLoop {
  std::vector<TubePoint> points;  // canonical mm
  double gas_level = 0;           // gas in front of axis + level * radius
};

struct Subject {
  Vector3 scale{1, 1, 1};  // of the canonical body
  Vector3 rotation_degrees{0, 0, 0};
  Vector3 shift_mm{0, 0, 0};
  double fat_mm = 16;  // under the skin
  Vector3 deformation_sd_mm{0, 0, 0};
  std::array<OrganDraw, 13> organs;  // by class index minus 1
  double stomach_gas_y_mm = 50;      // gas in front of this
  double colon_gas_level = 0.1;
  std::vector<BowelLoop> bowel_loops;
};

/// Is the organ a tube, whose radii alone scale with its volume?
bool is_tube(std::int64_t organ);

/// Every draw of a case's body. `case_seed` is derive_seed(seed, case id); each group of draws has a stream
/// of its own.
Subject draw_subject(std::uint64_t case_seed);

}  // namespace totum
