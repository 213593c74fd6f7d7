#pragma once
// Gaussian blur as SciPy does it: sampled kernel cut at four sigma, borders reflected.

#include <span>

#include "data/volume.h"

namespace totum {

/// Blurs in place, one axis after the other. sigma_voxels: along D,H,W; 0 leaves an axis alone. The kernel
/// has the weights exp(-x²/2σ²), |x| <= floor(4σ + 1/2), with sum 1; beyond the border the volume is mirrored
/// with its outermost voxel repeated (… c b a | a b c … ). Sums are in double precision. Source:
/// scipy.ndimage.gaussian_filter with its defaults (truncate 4, mode reflect).
void gaussian_blur(std::span<float> voxels, const Shape3& shape, const Vector3& sigma_voxels);
void gaussian_blur(std::span<double> voxels, const Shape3& shape, const Vector3& sigma_voxels);

}  // namespace totum
