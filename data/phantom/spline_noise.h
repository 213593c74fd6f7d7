#pragma once
// Smooth random fields on a voxel grid: cubic B-splines over normal control values.

#include <vector>

#include "core/random.h"
#include "data/volume.h"

namespace totum {

/// Mean 0 and standard deviation 1 (over many fields). Rows are computed when asked for, so that a large
/// volume needs no second array.
class SplineNoise {
 public:
  /// `spacing_mm_xyz` of the grid's voxels, `control_mm` between control points.
  SplineNoise(RandomStream random, const Shape3& size_xyz, const Vector3& spacing_mm_xyz, double control_mm);
  /// The values of voxels (0..nx-1, y, z). Rows must be asked for with z constant for a while (a plane is
  /// kept).
  void row(std::int64_t z, std::int64_t y, std::vector<double>& values);

 private:
  struct Weight {
    std::int64_t first;  // of four control points
    std::array<double, 4> w;
  };
  static std::vector<Weight> weights(std::int64_t size, double spacing_mm, double control_mm);
  std::array<std::vector<Weight>, 3> weights_;
  Shape3 controls_{};            // x,y,z
  std::vector<double> control_;  // x fastest
  std::vector<double> plane_, line_;
  std::int64_t plane_z_ = -1;
};

/// In-place Gaussian blur along the three axes (x,y,z), standard deviations in voxels, edges repeated.
/// [D,H,W].
void gaussian_blur(std::vector<float>& voxels, const Shape3& size_xyz, const Vector3& sd_voxels_xyz);

}  // namespace totum
