#pragma once
// Registration of two images with ITK: affine, then cubic B-splines. Only intensities are looked at, never a
// label.

#include <span>

#include "data/organs.h"
#include "data/volume.h"
#include "data/warp.h"

namespace totum {

/// A normalised image on the coarse grid that registration works on: resized (with blur where it shrinks) to
/// `extent`, but at most 48 voxels on an axis. Its geometry is in voxels of `extent`. MR is clipped to three
/// standard deviations, since a few bright voxels would fill the histogram of the mutual information. voxels:
/// [shape]; shape, extent: D,H,W.
ImageVolume registration_image(std::span<const float> voxels, const Shape3& shape, Modality modality,
                               const Shape3& extent);

enum class Registration : std::uint8_t { affine, deformable };

/// The map from places in `fixed` to the same anatomy in `moving`. Both come from registration_image() with
/// one `extent`. Mattes' mutual information (32 bins), so that CT and MR go together; it starts from the
/// identity, which is plain resizing. Affine: three levels, regular-step gradient descent. Deformable: the
/// affine map first, then a cubic B-spline with 4 intervals on each axis and L-BFGS-B; its coefficients are
/// bounded by 0.4 of an interval, so that it cannot fold (Choi and Lee, Graphical Models 62 (2000) 411). One
/// thread and fixed seeds: equal input, equal bytes.
///
/// Throws DataError if it does not converge: ITK gives up, the mutual information is not above that of the
/// start, the volume changes by more than a factor of 4, or a place moves by more than 0.8 of the volume.
Warp register_images(const ImageVolume& fixed, const ImageVolume& moving, Registration kind);

}  // namespace totum
