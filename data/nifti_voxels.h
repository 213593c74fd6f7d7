#pragma once
// Voxels of an unpacked NIfTI file whose header was checked: every data type, byte order and scaling.
// Internal to data/.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "data/nifti.h"

namespace totum {

/// Values as float32. Scaled ones are computed in double and rounded once; NaN and infinity come through.
std::vector<float> voxels_as_float(std::string_view file, const NiftiHeader& header);

inline constexpr std::size_t kNoVoxel = static_cast<std::size_t>(-1);

/// Whole numbers, and what was met on the way.
template <class T>
struct WholeVoxels {
  std::vector<T> values;
  std::size_t rounded = 0;       // how many were no whole number, but within 0.001 of one
  std::size_t unfit = kNoVoxel;  // the first voxel that is no whole number of the range asked for
  double unfit_value = 0;
};

/// Labels 0..`most` (255 at most). What is above the last organ that totum has is for the caller.
WholeVoxels<std::uint8_t> voxels_as_labels(std::string_view file, const NiftiHeader& header,
                                           std::uint8_t most);

/// Labels of any numbering.
WholeVoxels<std::int32_t> voxels_as_int32(std::string_view file, const NiftiHeader& header);

}  // namespace totum
