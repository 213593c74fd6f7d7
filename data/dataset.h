#pragma once
// A dataset on disk in AMOS22's own form: dataset.json, imagesTr/amos_0001.nii.gz, labelsTr/amos_0001.nii.gz,
// and imagesVa, imagesTs with their labels where they exist.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/split.h"

namespace totum {

struct DatasetCase {
  std::filesystem::path image;
  std::filesystem::path label;  // empty if there is none
};

struct Dataset {
  std::filesystem::path folder;
  bool is_phantom = false;                   // written by this program's phantom generator
  std::map<std::string, DatasetCase> cases;  // by case id

  /// What lies in place of a case's image or label, or beside it under a name like its own: "found
  /// amos_0001_0000.nii.gz in imagesTr"; for the message about missing cases. Empty if nothing does.
  [[nodiscard]] std::string remark_of(const std::string& case_id) const;
};

/// Finds images and labels. A case in two of the folders must be the same file in both. Throws DataError
/// (exit status 2) if the folder is missing, empty, or not in AMOS22's form, if a case has two different
/// files, or if dataset.json names a label otherwise than AMOS22 does.
Dataset open_dataset(const std::filesystem::path& folder);

/// The cases of the split that the dataset lacks (image or label).
std::vector<std::string> missing_cases(const Dataset& dataset, const Split& split);

/// The split without missing cases. Throws DataError that lists them all unless `allow_missing`.
Split restrict_to(const Dataset& dataset, const Split& split, bool allow_missing);

}  // namespace totum
