#pragma once
// How bright each tissue is in CT and in the three MR sequences.

#include "data/phantom/case_plan.h"

namespace totum {

/// Fills mean and texture of the plan: table values for its contrast phase or sequence, with the case's own
/// noise on every class.
void draw_tissue_values(CasePlan& plan);

}  // namespace totum
