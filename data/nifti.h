#pragma once
// NIfTI files. Geometry follows nibabel and nnU-Net: the sform counts if it is set, else the qform, else the
// voxel sizes; lengths in metres or microns become millimetres. Voxels are decoded from the very bytes whose
// header was checked: no other file, and no second read, has a part in them.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "data/volume.h"

namespace totum {

/// More voxels than any scan has (a whole body of 2,000 slices of 512 x 512 has fewer): a header that
/// announces more is refused before memory is taken for it. So no file takes more than 8 bytes a voxel, 4
/// GiB, and 16 MiB.
inline constexpr std::int64_t kMostVoxels = std::int64_t{1} << 29U;

/// What a header says before any voxel is read.
struct NiftiHeader {
  Geometry geometry;  // RAS+ affine as nibabel's, in mm
  int datatype = 0;  // NIfTI code: 2 uint8, 4 int16, 8 int32, 16 float32, 64 float64, 256 int8, 512 uint16, …
  std::size_t voxel_bytes = 0;      // of one voxel
  std::size_t voxel_offset = 0;     // of the first voxel in the unpacked file
  bool swapped = false;             // big-endian
  int unit = 0;                     // of length: 1 metre, 2 mm, 3 micron; 0 and the others are taken as mm
  double slope = 1, intercept = 0;  // a voxel's value is slope * stored + intercept
  bool intercept_ignored = false;   // scl_inter is not finite beside a scl_slope that counts
  bool forms_disagree = false;  // sform and qform are both set and place some voxel more than 0.1 mm apart
};

/// The bytes of a file, packed or not, in one read. Throws DataError that names it if it is missing, no file,
/// or larger than any image that is read.
std::string read_nifti_bytes(const std::filesystem::path& path);

/// The file as it is unpacked, header and length checked as by read_nifti_header().
std::string read_unpacked(const std::filesystem::path& path);

/// Reads and checks the header and the length of the (unpacked) file. Throws DataError that names the file if
/// it is missing, cut, no NIfTI-1 or NIfTI-2 single file, not three-dimensional or too large.
NiftiHeader read_nifti_header(const std::filesystem::path& path);

/// Voxels as float32 with scl_slope and scl_inter applied in double. Throws DataError also for NaN or
/// infinite voxels, and where memory does not suffice. Warns when sform and qform disagree, when the unit is
/// unknown and when a voxel's edge is outside 0.05..20 mm.
ImageVolume read_image(const std::filesystem::path& path);

/// Class indices; AMOS22's 14 (bladder) and 15 (prostate/uterus) become 0. Values within 0.001 of a whole
/// number are rounded, with one warning that counts them. Throws DataError if a value is no whole number in
/// 0..15.
LabelMap read_label(const std::filesystem::path& path);

using LabelValues = Volume<std::int32_t>;  // labels in any program's numbering

/// Labels as they stand in the file, rounded as by read_label(). Throws DataError for a value that is no
/// whole number or does not fit.
LabelValues read_label_values(const std::filesystem::path& path);

/// The same from the bytes of a file that read_nifti_bytes() gave; `path` is for messages alone.
ImageVolume decode_image(std::string_view file, const std::filesystem::path& path);
LabelMap decode_label(std::string_view file, const std::filesystem::path& path);

/// The geometry that reading gives back after writing: a header holds its affine as float32. What is scored
/// or compared from memory must use it, so that the files give the same numbers.
Geometry as_stored(Geometry geometry);

/// Writes uint8 .nii.gz with the volume's own affine in sform and qform (an affine that no qform can hold
/// goes into the sform alone), by atomic rename; equal volumes give equal bytes.
void write_label_map(const std::filesystem::path& path, const LabelMap& labels);

/// float32 counterpart, for atlases and translated images.
void write_image(const std::filesystem::path& path, const ImageVolume& image);

}  // namespace totum
