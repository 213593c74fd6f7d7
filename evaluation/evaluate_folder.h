#pragma once
// Scores of a folder of label maps, made by any program, against a folder of reference label maps.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/label_names.h"
#include "data/split.h"
#include "evaluation/convention_matrix.h"
#include "evaluation/metric.h"
#include "evaluation/scores.h"

namespace totum {

/// Reads {"52": 8, "104": "liver", "7": 0}: keys are the program's labels, values class indices 0..13 or
/// names of organs; 0 to 0 is understood. Throws ConfigError for anything else.
LabelIds read_label_ids(const std::filesystem::path& path);

struct FolderOptions {
  std::string run;  // the scores' column `run`
  std::vector<std::string> metrics = metric_ids();
  EmptyPolicy policy = EmptyPolicy::standard;
  LabelIds label_ids;      // of the predictions; empty: they are class indices already
  LabelIds reference_ids;  // of the references, likewise
  int threads = 1;         // organs at once
};

struct FolderScores {
  std::vector<Score> scores;                // grid "native", by case id
  ConventionMatrix conventions;             // the same predictions under every policy
  std::vector<std::int64_t> absent_organs;  // in no reference: they have no score that counts
  std::int64_t cases = 0;                   // that were scored
  std::vector<std::string> missing;         // references without a prediction
  /// For a missing prediction, files that are named like it: "found a_seg.nii.gz, wanted a.nii.gz".
  std::map<std::string, std::string> found_instead;
  std::vector<std::string> without_reference;  // predictions that nothing can be said about
};

/// Files are CASE.nii.gz in both folders; references whose case is not in the split are scored too, with the
/// modality from the AMOS id. Throws DataError if a prediction has another size, spacing, origin or direction
/// than its reference, holds unknown labels, if a modality is unknown, or if a folder is missing or holds no
/// label map. With label_ids a label that they don't name is unknown.
FolderScores evaluate_folder(const std::filesystem::path& labels, const std::filesystem::path& predictions,
                             const Split& split, const FolderOptions& options);

}  // namespace totum
