#pragma once
// The atlas for the eye: NIfTI files for a viewer and one sheet of projections.

#include <filesystem>
#include <vector>

#include "data/atlas.h"
#include "data/png.h"

namespace totum {

/// Maximum projections of every organ: one row of pictures for each organ, in the order of class indices; in
/// a row the axial, coronal and sagittal view, the patient's right on the left, front on top (axial) or on
/// the left (sagittal), head on top. Each organ's largest value is white. Pixels are square in millimetres.
/// spacing_mm: of the atlas's voxels, z,y,x.
GreyPicture atlas_sheet(const Atlas& atlas, const Vector3& spacing_mm);

/// Writes atlas_01_spleen.nii.gz … atlas_13_duodenum.nii.gz (float32, RAS+, the volume's centre at the
/// origin), atlas_sum.nii.gz (the sum over organs) and atlas.png, each by atomic rename. Returns the paths in
/// this order. Throws DataError if `folder` is a file, RunError if it can't be written.
std::vector<std::filesystem::path> write_atlas_files(const Atlas& atlas, const Vector3& spacing_mm,
                                                     const std::filesystem::path& folder);

}  // namespace totum
