#pragma once
// A 3D array of voxels with its place in the patient. World coordinates are RAS+ millimetres, as in NIfTI.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace totum {

using Shape3 = std::array<std::int64_t, 3>;  // D,H,W (z,y,x) unless a name ends in _xyz
using Vector3 = std::array<double, 3>;

/// Grid of a volume: voxel (i,j,k) = (x,y,z index) lies at affine * (i,j,k,1), in RAS+ mm.
struct Geometry {
  Shape3 size_xyz{0, 0, 0};
  std::array<std::array<double, 4>, 4> affine{{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}};

  [[nodiscard]] Shape3 shape() const { return {size_xyz[2], size_xyz[1], size_xyz[0]}; }  // D,H,W
  [[nodiscard]] std::int64_t voxels() const { return size_xyz[0] * size_xyz[1] * size_xyz[2]; }
};

Vector3 spacing_mm_xyz(const Geometry& geometry);  // lengths of the affine's columns
double voxel_volume_ml(const Geometry& geometry);
Vector3 world_mm(const Geometry& geometry, double i, double j, double k);
/// Nearest axis code of each voxel axis, e.g. "RAS", "LPS" (nibabel's aff2axcodes).
std::array<char, 3> axis_codes(const Geometry& geometry);
/// Are two axes off the right angle by more than float32 rounding of the affine explains (cosine above 1e-6)?
/// Lengths along the columns then say nothing about distances between voxels that differ in both indices.
bool is_sheared(const Geometry& geometry);

/// How far two grids of one size lie apart. Each part is the largest displacement of a corner voxel that it
/// alone would cause: another origin, another spacing, another direction of the axes.
struct GridDifference {
  bool other_size = false;     // then nothing else is measured
  double displacement_mm = 0;  // the largest of the eight corner voxels' centres
  double allowed_mm = 0;       // kGridToleranceEdges of the smallest voxel edge of both
  double origin_mm = 0, spacing_mm = 0, direction_mm = 0;

  [[nodiscard]] bool is_same() const;
};
/// The one tolerance for "the same grid": far above the rounding of float32 headers, far below a shift that
/// moves a label.
inline constexpr double kGridToleranceEdges = 0.05;
GridDifference grid_difference(const Geometry& a, const Geometry& b);
/// Equal sizes, and no corner voxel more than kGridToleranceEdges of the smallest edge away.
bool same_grid(const Geometry& a, const Geometry& b);
/// Equal sizes, and no corner voxel more than `tolerance_mm` away.
bool same_grid(const Geometry& a, const Geometry& b, double tolerance_mm);
/// "lies on another grid than labelsTr/a.nii.gz: …", with the displacement, what is allowed, the parts and
/// what to do; empty for the same grid. `other` names b.
std::string grid_fault(const Geometry& a, const Geometry& b, const std::string& other);

template <class T>
struct Volume {
  Geometry geometry;
  std::vector<T> voxels;  // row-major [D,H,W]: x is the fastest index

  [[nodiscard]] const T& at(std::int64_t z, std::int64_t y, std::int64_t x) const {
    return voxels[static_cast<std::size_t>((z * geometry.size_xyz[1] + y) * geometry.size_xyz[0] + x)];
  }
  [[nodiscard]] T& at(std::int64_t z, std::int64_t y, std::int64_t x) {
    return voxels[static_cast<std::size_t>((z * geometry.size_xyz[1] + y) * geometry.size_xyz[0] + x)];
  }
};
using ImageVolume = Volume<float>;
using LabelMap = Volume<std::uint8_t>;  // class index of each voxel, 0..13

}  // namespace totum
