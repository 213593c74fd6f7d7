#pragma once
// Does a phantom show what it was made to show? Limits on volumes, atlas and simple classifiers.

#include <filesystem>
#include <string>
#include <vector>

namespace totum {

struct QualityCheck {
  std::string name;      // "mean volume / table, liver (CT)"
  std::string measured;  // "1.04"
  std::string accepted;  // "0.75..1.30"
  bool passed = false;
};

/// Measures a phantom on disk; changes nothing. Limits are those of the smoke grid (smaller grids hardly show
/// the adrenals). Two thirds of the cases of each modality make the atlas (CT alone) and the Gaussian class
/// models of intensity; every third is a test case, whatever its subset. Throws DataError if the folder is no
/// complete phantom or has fewer than 6 cases of a modality.
std::vector<QualityCheck> check_phantom(const std::filesystem::path& dataset, int threads);

bool all_passed(const std::vector<QualityCheck>& checks);
/// The checks as a plain text table.
std::string to_table(const std::vector<QualityCheck>& checks);

}  // namespace totum
