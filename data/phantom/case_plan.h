#pragma once
// Everything that is drawn for one case before a voxel is computed: subject, grid, imaging, storage.

#include <array>
#include <cstdint>
#include <string>

#include "core/json_reader.h"
#include "data/organs.h"
#include "data/orientation.h"
#include "data/phantom/background.h"
#include "data/phantom/subject.h"
#include "data/volume.h"

namespace totum {

struct Range {
  std::int64_t low = 0, high = 0;  // both included
};

/// Grid sizes of a phantom. Where a range is a single number, every case has it.
struct PhantomSize {
  std::string name;
  Range ct_xy, ct_z;    // CT slices are square
  double large_ct = 0;  // fraction of CTs with one and a half times the matrix
  Range mr_x, mr_y, mr_z;
};
/// tiny, smoke, prototype (the one grid on which the limits of the quality checks were set), medium, full.
/// Throws ConfigError that lists them.
PhantomSize phantom_size(const std::string& name);

/// How the file stores its voxels; the image in RAS+ world coordinates is the same for all.
struct Storage {
  std::string orientation =
      "RAS";  // LAS, RAS, LPS, PIR or OBL (axes rotated by 3-10 degrees, stored like LAS)
  bool sform = true, qform = true;
  bool float32 = false;  // else int16
  double slope = 1, intercept = 0;
};

/// Voxel order of an orientation: how a RAS+ volume's axes lie in the file.
AxisOrder axis_order(const std::string& orientation);

struct CtImaging {
  double phase = 1;  // 0 = unenhanced, 1 = portal venous
  double noise_hu = 12;
  bool oral_contrast = false;
  double oral_contrast_hu = 0;
  bool table = true;
};
struct MrImaging {
  MrSequence sequence = MrSequence::t1;
  double bias = 0.2;   // SD of the log of the bias field
  bool ghost = false;  // 5 % along rows
  double noise = 6;    // liver = 100
  double gain = 1;
};

struct CasePlan {
  std::string case_id;
  Modality modality = Modality::ct;
  std::uint64_t case_seed = 0;
  Subject subject;
  Geometry grid;  // RAS+ (rotated if oblique): the volume that is computed
  Storage storage;
  CtImaging ct;  // one of these two counts
  MrImaging mr;
  std::array<double, kTissues> mean{};     // HU, or MR signal with liver = 100
  std::array<double, kTissues> texture{};  // SD: HU, or signal
};

CasePlan plan_case(std::uint64_t seed, const PhantomSize& size, const std::string& case_id,
                   Modality modality);

/// What phantom.json tells of a case.
nlohmann::json to_json(const CasePlan& plan);

}  // namespace totum
