#pragma once
// Label maps of any images from a trained run: `totum predict`.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/progress.h"
#include "data/organs.h"
#include "experiments/run_store.h"

namespace totum {

struct PredictRequest {
  RunFolder run;
  std::filesystem::path images;  // a folder with *.nii.gz, or one file
  std::filesystem::path out;
  std::optional<Modality> modality;  // of all images; else by AMOS22's ids
  std::string device = "cpu";
};

/// Writes OUT/NAME.nii.gz for each image NAME.nii.gz, in the image's own geometry, with the run's best
/// weights. Images that can't be read are collected in one DataError at the end; the others are written.
/// Returns the written files.
std::vector<std::filesystem::path> predict_folder(const PredictRequest& request, Progress& progress);

}  // namespace totum
