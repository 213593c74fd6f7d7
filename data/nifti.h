#pragma once
// NIfTI files. Geometry follows nibabel and nnU-Net: the sform counts if it is set, else the qform, else the
// voxel sizes. ITK reads the voxels; the header's two transforms are read here, since ITK 5.2 prefers the
// qform.

#include <filesystem>

#include "data/volume.h"

namespace totum {

/// What a header says before any voxel is read.
struct NiftiHeader {
  Geometry geometry;  // RAS+ affine as nibabel's
  int datatype =
      0;  // NIfTI-1 code: 2 uint8, 4 int16, 8 int32, 16 float32, 64 float64, 256 int8, 512 uint16, …
  bool forms_disagree = false;  // sform and qform are both set and place some voxel more than 0.1 mm apart
};

/// Reads and checks the header and the length of the (unpacked) file. Throws DataError that names the file if
/// it is missing, cut, no NIfTI-1 single file, or not three-dimensional.
NiftiHeader read_nifti_header(const std::filesystem::path& path);

/// Voxels as float32 with scl_slope and scl_inter applied. Throws DataError also for NaN or infinite voxels.
/// Warns when sform and qform disagree.
ImageVolume read_image(const std::filesystem::path& path);

/// Class indices; AMOS22's 14 (bladder) and 15 (prostate/uterus) become 0. Throws DataError if a value is no
/// whole number in 0..15.
LabelMap read_label(const std::filesystem::path& path);

/// The geometry that reading gives back after writing: a header holds its affine as float32. What is scored or
/// compared from memory must use it, so that the files give the same numbers.
Geometry as_stored(Geometry geometry);

/// Writes uint8 .nii.gz with the volume's own affine in sform and qform (an affine that no qform can hold
/// goes into the sform alone), by atomic rename; equal volumes give equal bytes.
void write_label_map(const std::filesystem::path& path, const LabelMap& labels);

/// float32 counterpart, for atlases and translated images.
void write_image(const std::filesystem::path& path, const ImageVolume& image);

}  // namespace totum
