#pragma once
// From the forms of a NIfTI header (sform, qform, voxel sizes) to an affine and back. Internal to data/.

#include <array>

#include "data/volume.h"

namespace totum {

using Affine = std::array<std::array<double, 4>, 4>;

/// What a header says about places, in its own unit of length.
struct NiftiForms {
  int qform_code = 0, sform_code = 0;
  std::array<double, 8> pixdim{};
  Vector3 quatern{}, qoffset{};
  std::array<std::array<double, 4>, 3> srow{};
};

/// The sform if it is set, else the qform, else the voxel sizes (nibabel's order), times `mm_per_unit`:
/// lengths and the place of the first voxel alike.
Affine affine_of(const NiftiForms& forms, const Shape3& size_xyz, double mm_per_unit);

/// The qform as an affine, times `mm_per_unit`.
Affine qform_affine(const NiftiForms& forms, double mm_per_unit);

/// The forms of a grid in mm: sform always, qform where the axes are at right angles, so that it can hold
/// them.
NiftiForms forms_of(const Geometry& geometry);

}  // namespace totum
