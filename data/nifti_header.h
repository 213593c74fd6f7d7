#pragma once
// The 348 bytes of a NIfTI-1 header, read and written field by field. Internal to data/.

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "data/nifti.h"

namespace totum {

/// The whole file, unpacked if it is gzip. Throws DataError if it is missing or the gzip stream is damaged or
/// cut.
std::string read_unpacked(const std::filesystem::path& path);

/// Parses and checks the header of an unpacked file.
NiftiHeader parse_nifti_header(const std::string& file, const std::filesystem::path& path);

/// How many voxels of a parsed file with a floating-point data type are NaN or infinite. To be asked before
/// ITK reads it: the NIfTI library inside ITK turns such voxels into 0 without a word.
std::int64_t voxels_not_finite(const std::string& file, const NiftiHeader& header);

/// The same file with neither sform nor qform.
std::string without_orientation(std::string file);

/// 352 bytes: header of a single file with one 3D volume and no extension.
std::string make_nifti_header(const Geometry& geometry, std::int16_t datatype, std::int16_t bits);

/// gzip with no name and no time in the header, so that equal bytes give equal files.
std::string gzip_bytes(const std::string& bytes, int level);

}  // namespace totum
