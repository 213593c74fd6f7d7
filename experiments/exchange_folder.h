#pragma once
// The folder in which totum and another program meet: what the program is given, and what it has to leave.
// docs/external-methods.md is its description for users.

#include <filesystem>
#include <string>

#include "methods/label_source.h"

namespace totum {

struct Exchange {
  std::filesystem::path folder;
  std::string grid = "native";  // native: the image files as they are; network: preprocessed, as totum's own
                                // methods see them
  double time_limit_s = 0;      // 0: none; told to the program
};

/// Writes task.json, imagesTr, labelsTr (organs that the case's task labels; all else is 0), imagesTs and an
/// empty folder predictions. Training and test cases of the split alone; no label of a test case, no
/// validation case, no path of the dataset. What was in the folder is removed first.
void write_exchange_folder(const Exchange& exchange, const SourceJob& job);

/// Looks at predictions/<case>.nii.gz of every test case and throws one RunError with all faults: no file,
/// not readable, another grid than the image, values other than 0..13.
void check_predictions(const Exchange& exchange, const SourceJob& job);

/// A test case's label map on both grids, from a file that check_predictions() has accepted. What was written
/// on the native grid is carried to the network grid like a reference label, what was written on the network
/// grid to the native one like any method's prediction.
CasePrediction read_prediction(const Exchange& exchange, const PreparedCase& image);

}  // namespace totum
