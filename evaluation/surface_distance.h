#pragma once
// Distances between the surfaces of an organ in two label maps, exact in physical spacing.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "data/organs.h"
#include "data/volume.h"

namespace totum {

/// Half-open box of voxels, D,H,W.
struct VoxelBox {
  Shape3 begin{0, 0, 0}, end{0, 0, 0};

  [[nodiscard]] bool empty() const { return end[0] <= begin[0]; }
  [[nodiscard]] Shape3 shape() const { return {end[0] - begin[0], end[1] - begin[1], end[2] - begin[2]}; }
};

/// For each organ 1..13 (index organ - 1) the smallest box that holds it in both label maps [D,H,W], in one
/// pass; empty if it is in neither. Values must be at most 13 (overlap_counts() checks that).
std::array<VoxelBox, kOrgans> organ_boxes(std::span<const std::uint8_t> prediction,
                                          std::span<const std::uint8_t> reference, const Shape3& shape);

/// Distances in mm from each surface voxel of one mask to the nearest surface voxel of the other, in raster
/// order. A surface voxel belongs to the mask and has one of its six neighbours outside of it; beyond the
/// image is outside.
struct SurfaceDistances {
  std::vector<double> from_prediction_mm, from_reference_mm;
};

/// Of one organ within its box. Exact; under shear in the affine's own metric, by a k-d tree of the surface
/// voxels' places in mm, else along the axes as below.
SurfaceDistances surface_distances_mm(std::span<const std::uint8_t> prediction,
                                      std::span<const std::uint8_t> reference, const Geometry& geometry,
                                      const VoxelBox& box, std::int64_t organ);

/// Of one organ within its box, on axes at right angles. Exact (Felzenszwalb and Huttenlocher, Theory of
/// Computing 8 (2012) 415, with the voxel size along each axis). Both lists are empty if the organ is missing
/// in either map.
SurfaceDistances surface_distances_mm(std::span<const std::uint8_t> prediction,
                                      std::span<const std::uint8_t> reference, const Shape3& shape,
                                      const Vector3& spacing_mm_dhw, const VoxelBox& box, std::int64_t organ);

/// The larger of the two directed 95th percentiles, each with linear interpolation between order statistics
/// (NumPy's default, as MONAI does). nullopt without distances.
std::optional<double> hd95_mm(const SurfaceDistances& distances);
/// Average symmetric surface distance: mean over the surface voxels of both. nullopt without distances.
std::optional<double> assd_mm(const SurfaceDistances& distances);
/// Normalised surface distance: the share of both surfaces' voxels that lie within the tolerance of the other
/// (a millionth of it more is within: a voxel edge that a header keeps as float32, or as the product of a
/// float32 direction and a float32 spacing, is up to 4e-7 too long). nullopt without distances.
/// Source: Nikolov et al., JMIR 23 (2021) e26151, counted in voxels as MONAI does, not in area.
std::optional<double> nsd(const SurfaceDistances& distances, double tolerance_mm);

/// Tolerance of `nsd` in mm for each organ (index organ - 1), from nsd_tolerances.json.
const std::array<double, kOrgans>& nsd_tolerances_mm();

}  // namespace totum
