#pragma once
// A 3D array of voxels with its place in the patient. World coordinates are RAS+ millimetres, as in NIfTI.

#include <array>
#include <cstdint>
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
/// Equal sizes, and affines that move no voxel by more than `tolerance_mm`.
bool same_grid(const Geometry& a, const Geometry& b, double tolerance_mm = 1e-3);

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
