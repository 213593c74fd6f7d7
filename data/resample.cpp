#include "data/resample.h"

#include <fmt/format.h>
#include <itkImage.h>
#include <itkLinearInterpolateImageFunction.h>
#include <itkNearestNeighborExtrapolateImageFunction.h>
#include <itkResampleImageFilter.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "data/nifti.h"

namespace totum {

namespace {

using Affine = std::array<std::array<double, 4>, 4>;
using ItkImage = itk::Image<float, 3>;

// The volume as an ITK image in index-aligned space: direction identity, spacing and origin along the
// volume's own axes. Oblique grids need no rotation then, since source and target share their axes.
ItkImage::Pointer to_itk(const ImageVolume& image) {
  auto out = ItkImage::New();
  ItkImage::SizeType size;
  ItkImage::SpacingType spacing;
  const Vector3 mm = spacing_mm_xyz(image.geometry);
  for (unsigned axis = 0; axis < 3; ++axis) {
    size[axis] = static_cast<itk::SizeValueType>(image.geometry.size_xyz[axis]);
    spacing[axis] = mm[axis];
  }
  out->SetRegions(ItkImage::RegionType(size));
  out->SetSpacing(spacing);
  auto container = ItkImage::PixelContainer::New();
  container->SetImportPointer(const_cast<float*>(image.voxels.data()), image.voxels.size(), false);
  out->SetPixelContainer(container);
  return out;
}

// Inverse of the affine's 3x3 part times (point - origin): world to continuous voxel index.
class WorldToIndex {
 public:
  explicit WorldToIndex(const Geometry& geometry) : affine_(geometry.affine) {
    const auto& a = affine_;
    const double determinant = a[0][0] * (a[1][1] * a[2][2] - a[1][2] * a[2][1]) -
                               a[0][1] * (a[1][0] * a[2][2] - a[1][2] * a[2][0]) +
                               a[0][2] * (a[1][0] * a[2][1] - a[1][1] * a[2][0]);
    for (std::size_t r = 0; r < 3; ++r) {
      for (std::size_t c = 0; c < 3; ++c) {
        const std::size_t r1 = (c + 1) % 3, r2 = (c + 2) % 3, c1 = (r + 1) % 3, c2 = (r + 2) % 3;
        inverse_[r][c] = (a[r1][c1] * a[r2][c2] - a[r1][c2] * a[r2][c1]) / determinant;
      }
    }
  }
  [[nodiscard]] Vector3 index_of(const Vector3& world) const {
    return apply({world[0] - affine_[0][3], world[1] - affine_[1][3], world[2] - affine_[2][3]});
  }
  /// The change of index along a world vector.
  [[nodiscard]] Vector3 apply(const Vector3& v) const {
    Vector3 out{};
    for (std::size_t r = 0; r < 3; ++r)
      out[r] = inverse_[r][0] * v[0] + inverse_[r][1] * v[1] + inverse_[r][2] * v[2];
    return out;
  }

 private:
  Affine affine_;
  std::array<std::array<double, 3>, 3> inverse_{};
};

// Ties (a point exactly between two voxels) are frequent when one spacing is a multiple of the other, and
// rounding noise of the affines must not decide them: they go to the upper voxel.
std::int64_t nearest_index(double position) {
  return static_cast<std::int64_t>(std::floor(position + 0.5 + 1e-6));
}

}  // namespace

// Halves go up although a header's float32 numbers say a hair less (10 voxels of 2.9 mm at 2 mm: 15, not 14).
constexpr double kTie = 1e-4;

Geometry grid_with_spacing(const Geometry& geometry, const Vector3& spacing_mm) {
  const Vector3 old = spacing_mm_xyz(geometry);
  Vector3 counts{};
  for (std::size_t axis = 0; axis < 3; ++axis)
    counts[axis] = std::max(1.0, static_cast<double>(geometry.size_xyz[axis]) * old[axis] / spacing_mm[axis]);
  if (counts[0] * counts[1] * counts[2] > static_cast<double>(kMostVoxels)) {
    throw DataError(
        fmt::format("its voxels of {:.4g} x {:.4g} x {:.4g} mm would become {:.3g} of {:.4g} x {:.4g} x "
                    "{:.4g} mm, more than "
                    "the {} that totum holds; see whether the unit of length in its header is right",
                    old[0], old[1], old[2], counts[0] * counts[1] * counts[2], spacing_mm[0], spacing_mm[1],
                    spacing_mm[2], kMostVoxels));
  }
  Geometry grid = geometry;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double length = static_cast<double>(geometry.size_xyz[axis]) * old[axis];
    grid.size_xyz[axis] = std::max<std::int64_t>(1, std::llround(length / spacing_mm[axis] + kTie));
    for (std::size_t row = 0; row < 3; ++row) grid.affine[row][axis] *= spacing_mm[axis] / old[axis];
  }
  return grid;
}

ImageVolume resample_linear(const ImageVolume& image, const Geometry& target, Outside outside) {
  const WorldToIndex to_index(image.geometry);
  const Vector3 old = spacing_mm_xyz(image.geometry);
  const Vector3 fresh = spacing_mm_xyz(target);
  const Vector3 start = to_index.index_of(world_mm(target, 0, 0, 0));
  ItkImage::PointType origin;
  ItkImage::SpacingType spacing;
  ItkImage::SizeType size;
  for (unsigned axis = 0; axis < 3; ++axis) {
    origin[axis] = start[axis] * old[axis];
    spacing[axis] = fresh[axis];
    size[axis] = static_cast<itk::SizeValueType>(target.size_xyz[axis]);
  }
  auto filter = itk::ResampleImageFilter<ItkImage, ItkImage, double>::New();
  filter->SetInput(to_itk(image));
  filter->SetInterpolator(itk::LinearInterpolateImageFunction<ItkImage, double>::New());
  if (outside == Outside::edge) {
    filter->SetExtrapolator(itk::NearestNeighborExtrapolateImageFunction<ItkImage, double>::New());
  }
  filter->SetOutputOrigin(origin);
  filter->SetOutputSpacing(spacing);
  filter->SetSize(size);
  filter->SetNumberOfWorkUnits(1);  // cases are the unit of parallel work
  filter->Update();
  const float* begin = filter->GetOutput()->GetBufferPointer();
  return {target, {begin, begin + target.voxels()}};
}

LabelMap resample_nearest(const LabelMap& labels, const Geometry& target, Outside outside) {
  LabelMap out{target, std::vector<std::uint8_t>(static_cast<std::size_t>(target.voxels()), 0)};
  const WorldToIndex to_index(labels.geometry);
  const auto& a = target.affine;
  const Vector3 step = to_index.apply({a[0][0], a[1][0], a[2][0]});
  const Shape3& size = labels.geometry.size_xyz;
  std::size_t voxel = 0;
  for (std::int64_t z = 0; z < target.size_xyz[2]; ++z) {
    for (std::int64_t y = 0; y < target.size_xyz[1]; ++y) {
      const Vector3 row =
          to_index.index_of(world_mm(target, 0, static_cast<double>(y), static_cast<double>(z)));
      for (std::int64_t x = 0; x < target.size_xyz[0]; ++x, ++voxel) {
        Shape3 index{};
        bool inside = true;
        for (std::size_t axis = 0; axis < 3; ++axis) {
          index[axis] = nearest_index(row[axis] + static_cast<double>(x) * step[axis]);
          const std::int64_t clamped = std::clamp<std::int64_t>(index[axis], 0, size[axis] - 1);
          inside = inside && clamped == index[axis];
          index[axis] = clamped;
        }
        if (inside || outside == Outside::edge) out.voxels[voxel] = labels.at(index[2], index[1], index[0]);
      }
    }
  }
  return out;
}

Geometry crop_grid(const Geometry& geometry, const Shape3& start_xyz, const Shape3& size_xyz) {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (start_xyz[axis] < 0 || size_xyz[axis] < 1 ||
        start_xyz[axis] + size_xyz[axis] > geometry.size_xyz[axis]) {
      throw DataError("a crop leaves its volume");
    }
  }
  Geometry grid{size_xyz, geometry.affine};
  const Vector3 origin = world_mm(geometry, static_cast<double>(start_xyz[0]),
                                  static_cast<double>(start_xyz[1]), static_cast<double>(start_xyz[2]));
  for (std::size_t row = 0; row < 3; ++row) grid.affine[row][3] = origin[row];
  return grid;
}

}  // namespace totum
