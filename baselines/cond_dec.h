#pragma once
// Cond-Dec: one network for one organ at a time. The decoder is told which organ by a fixed number, shown as
// a constant map in front of each of its convolutions; the encoder does not know it.
//
// Source: Dmitriev and Kaufman, Learning multi-class segmentations from single-class datasets, CVPR 2019,
// 9379-9388. Conditioned on the class, as there (DoDNet's re-implementation conditions on the task).

#include <memory>
#include <vector>

#include "core/random.h"
#include "methods/method.h"

namespace totum {

/// `count` distinct organs of `labelled`, uniformly; count at most their number.
std::vector<std::int64_t> draw_organs(const std::vector<std::int64_t>& labelled, std::int64_t count,
                                      RandomStream& random);

/// Options: "organs_per_crop" (2): distinct organs drawn for each crop among those its task labels, at most
/// as many as the smallest task has.
std::unique_ptr<Method> make_cond_dec(const MethodSetup& setup, JsonReader options);

}  // namespace totum
