#pragma once
// The augmentations of the published code (preset CODE), on the crop. The paper's text has none.

#include <span>

#include "core/random.h"
#include "data/volume.h"

namespace totum {

/// Changes a normalised crop of `shape` (D,H,W) in this order, each step with its probability:
///   Gaussian noise .1     adds N(0, s) to every voxel, s from U(0, .1): the library calls it a variance and
///   uses it
///                         as the standard deviation;
///   Gaussian blur .2      (x .5 for the one channel), sigma from U(.5, 1) voxels;
///   brightness .15        multiplies by U(.75, 1.25);
///   brightness .15        (x .5 for the one channel) adds one draw of N(0, .1);
///   contrast .15          moves values away from or towards the crop's mean by U(.75, 1.25), clipped to the
///   range before.
/// No flips: organs come in left and right. Source: methods page 1.5; batchgenerators' defaults.
void augment_published(std::span<float> voxels, const Shape3& shape, RandomStream random);

}  // namespace totum
