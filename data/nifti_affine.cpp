#include "data/nifti_affine.h"

#include <algorithm>
#include <cmath>

namespace totum {

namespace {

Affine sform_affine(const NiftiForms& forms, double mm_per_unit) {
  Affine affine{{{}, {}, {}, {0, 0, 0, 1}}};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 4; ++column)
      affine[row][column] = forms.srow[row][column] * mm_per_unit;
  }
  return affine;
}

// nibabel's fallback without any form: voxel sizes, first axis flipped, origin in the middle of the volume.
Affine base_affine(const NiftiForms& forms, const Shape3& size_xyz, double mm_per_unit) {
  Affine affine{{{}, {}, {}, {0, 0, 0, 1}}};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double spacing = forms.pixdim[axis + 1] * mm_per_unit * (axis == 0 ? -1.0 : 1.0);
    affine[axis][axis] = spacing;
    affine[axis][3] = -spacing * static_cast<double>(size_xyz[axis] - 1) / 2.0;
  }
  return affine;
}

// Columns of the affine's 3x3 part at length 1.
std::array<std::array<double, 3>, 3> directions(const Geometry& geometry) {
  const Vector3 spacing = spacing_mm_xyz(geometry);
  std::array<std::array<double, 3>, 3> r{};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t axis = 0; axis < 3; ++axis) r[row][axis] = geometry.affine[row][axis] / spacing[axis];
  }
  return r;
}

// Are the axes at right angles, so that a qform can hold them?
bool is_without_shear(const Geometry& geometry) {
  const auto r = directions(geometry);
  for (std::size_t p = 0; p < 3; ++p) {
    for (std::size_t q = p + 1; q < 3; ++q) {
      if (std::abs(r[0][p] * r[0][q] + r[1][p] * r[1][q] + r[2][p] * r[2][q]) > 1e-5) return false;
    }
  }
  return true;
}

// Rotation of an affine without shear as a quaternion (b, c, d) and qfac.
void quaternion_of(const Geometry& geometry, std::array<double, 3>& bcd, double& qfac) {
  auto r = directions(geometry);
  const double determinant = r[0][0] * (r[1][1] * r[2][2] - r[1][2] * r[2][1]) -
                             r[0][1] * (r[1][0] * r[2][2] - r[1][2] * r[2][0]) +
                             r[0][2] * (r[1][0] * r[2][1] - r[1][1] * r[2][0]);
  qfac = determinant < 0 ? -1.0 : 1.0;
  for (auto& row : r) row[2] *= qfac;
  // The largest of the four squares is divided by, so that no digits are lost (Shepperd's method).
  const double squares[4] = {1 + r[0][0] + r[1][1] + r[2][2], 1 + r[0][0] - r[1][1] - r[2][2],
                             1 - r[0][0] + r[1][1] - r[2][2], 1 - r[0][0] - r[1][1] + r[2][2]};
  const auto largest = std::max_element(squares, squares + 4) - squares;
  const double s = 2 * std::sqrt(squares[largest]);
  double a = 0;
  switch (largest) {
    case 0:
      a = s / 4;
      bcd = {(r[2][1] - r[1][2]) / s, (r[0][2] - r[2][0]) / s, (r[1][0] - r[0][1]) / s};
      break;
    case 1:
      a = (r[2][1] - r[1][2]) / s;
      bcd = {s / 4, (r[0][1] + r[1][0]) / s, (r[0][2] + r[2][0]) / s};
      break;
    case 2:
      a = (r[0][2] - r[2][0]) / s;
      bcd = {(r[0][1] + r[1][0]) / s, s / 4, (r[1][2] + r[2][1]) / s};
      break;
    default:
      a = (r[1][0] - r[0][1]) / s;
      bcd = {(r[0][2] + r[2][0]) / s, (r[1][2] + r[2][1]) / s, s / 4};
      break;
  }
  if (a < 0) bcd = {-bcd[0], -bcd[1], -bcd[2]};
}

}  // namespace

// Quaternion to rotation as the NIfTI-1 standard writes it; qfac = pixdim[0] flips the third axis.
Affine qform_affine(const NiftiForms& forms, double mm_per_unit) {
  const auto [b, c, d] = forms.quatern;
  const double a = std::sqrt(std::max(0.0, 1.0 - (b * b + c * c + d * d)));
  const double qfac = forms.pixdim[0] < 0 ? -1.0 : 1.0;
  const std::array<std::array<double, 3>, 3> rotation{
      {{a * a + b * b - c * c - d * d, 2 * b * c - 2 * a * d, 2 * b * d + 2 * a * c},
       {2 * b * c + 2 * a * d, a * a + c * c - b * b - d * d, 2 * c * d - 2 * a * b},
       {2 * b * d - 2 * a * c, 2 * c * d + 2 * a * b, a * a + d * d - c * c - b * b}}};
  Affine affine{{{}, {}, {}, {0, 0, 0, 1}}};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const double spacing = std::abs(forms.pixdim[axis + 1]) * mm_per_unit * (axis == 2 ? qfac : 1.0);
      affine[row][axis] = rotation[row][axis] * spacing;
    }
    affine[row][3] = forms.qoffset[row] * mm_per_unit;
  }
  return affine;
}

Affine affine_of(const NiftiForms& forms, const Shape3& size_xyz, double mm_per_unit) {
  if (forms.sform_code > 0) return sform_affine(forms, mm_per_unit);
  if (forms.qform_code > 0) return qform_affine(forms, mm_per_unit);
  return base_affine(forms, size_xyz, mm_per_unit);
}

NiftiForms forms_of(const Geometry& geometry) {
  NiftiForms forms;
  forms.sform_code = 1;
  const Vector3 spacing = spacing_mm_xyz(geometry);
  forms.pixdim.fill(1.0);
  std::copy(spacing.begin(), spacing.end(), forms.pixdim.begin() + 1);
  if (is_without_shear(geometry)) {
    forms.qform_code = 1;
    quaternion_of(geometry, forms.quatern, forms.pixdim[0]);
  }
  for (std::size_t row = 0; row < 3; ++row) {
    forms.qoffset[row] = geometry.affine[row][3];
    forms.srow[row] = geometry.affine[row];
  }
  return forms;
}

}  // namespace totum
