#pragma once
// NIfTI-1 files in any orientation, with any of the header's variants that scanners and converters leave
// behind.

#include <filesystem>

#include "data/phantom/case_plan.h"
#include "data/volume.h"

namespace totum {

/// Writes a RAS+ volume as a .nii.gz whose voxels lie in `storage`'s orientation: forms, data type and
/// scaling as it says. Deterministic bytes, atomic rename. Reading it back and reordering to RAS+ gives the
/// same voxels.
void write_stored_image(const std::filesystem::path& path, const ImageVolume& image, const Storage& storage);
/// The same for a label map: uint8, unscaled, in the same orientation and with the same forms.
void write_stored_labels(const std::filesystem::path& path, const LabelMap& labels, const Storage& storage);

}  // namespace totum
