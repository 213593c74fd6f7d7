#pragma once
// From a plan to voxels: label map and image of one case, in RAS+ order.

#include "data/phantom/case_plan.h"
#include "data/volume.h"

namespace totum {

struct PhantomCase {
  ImageVolume image;  // HU, or MR signal; whole numbers unless the file stores float32
  LabelMap labels;    // 0..13, on the image's grid
};

/// A pure function of the plan.
PhantomCase render_case(const CasePlan& plan);

}  // namespace totum
