#pragma once
// Scores of a folder of label maps, made by any program, against a folder of reference label maps.

#include <filesystem>
#include <string>
#include <vector>

#include "data/split.h"
#include "evaluation/scores.h"

namespace totum {

struct FolderScores {
  std::vector<Score> scores;                   // grid "native", by case id
  std::int64_t cases = 0;                      // that were scored
  std::vector<std::string> missing;            // references without a prediction
  std::vector<std::string> without_reference;  // predictions that nothing can be said about
};

/// Files are CASE.nii.gz in both folders; references whose case is not in the split are scored too, with the
/// modality from the AMOS id. Throws DataError if a prediction has another size, spacing, origin or direction
/// than its reference, holds unknown labels, if a modality is unknown, or if a folder is missing or holds no
/// label map.
FolderScores evaluate_folder(const std::filesystem::path& labels, const std::filesystem::path& predictions,
                             const Split& split, const std::string& run);

}  // namespace totum
