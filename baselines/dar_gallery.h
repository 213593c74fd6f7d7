#pragma once
// Translated volumes for the eye: what DAR-UNet's segmenters are shown beside real images.

#include "baselines/dar_translation.h"
#include "data/png.h"

namespace totum {

/// The middle axial slices of some volumes of one size each: a row of pictures for each list, all as high as
/// the highest. Values -1 black to 1 white; the patient's right on the left, front on top.
GreyPicture slice_sheet(const std::vector<std::vector<at::Tensor>>& rows);  // volumes [D,H,W]

/// Translates the first `cases` cases of the source modality in every style. Writes
/// CASE_to_TARGET_style_K.nii.gz and CASE.nii.gz (as the translator sees it), and to_TARGET.png with a row
/// for each case: the source, then its translations. Values in [-1,1].
void write_gallery(VolumeTranslation& translation, Modality target, std::int64_t cases,
                   const TrainingData& data);

}  // namespace totum
