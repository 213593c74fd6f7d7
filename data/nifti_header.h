#pragma once
// The header of a NIfTI-1 or NIfTI-2 file, read and written field by field. Internal to data/.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "data/nifti.h"

namespace totum {

/// Bytes that hold the header of either version.
inline constexpr std::size_t kLongestHeader = 544;

/// Parses and checks a header. `start` holds the file's first bytes, kLongestHeader of them unless the file
/// is shorter; whether the voxels fit into the file is not asked. Throws DataError that names `path`, also
/// for an image that is larger than kMostVoxels.
NiftiHeader parse_nifti_start(std::string_view start, const std::filesystem::path& path);

/// The same for a whole unpacked file, which must hold the voxels that its header announces.
NiftiHeader parse_nifti_header(std::string_view file, const std::filesystem::path& path);

/// Unpacked bytes up to the end of the voxels.
std::size_t announced_bytes(const NiftiHeader& header);

/// 352 bytes: header of a single NIfTI-1 file with one 3D volume and no extension.
std::string make_nifti_header(const Geometry& geometry, std::int16_t datatype, std::int16_t bits);

}  // namespace totum
