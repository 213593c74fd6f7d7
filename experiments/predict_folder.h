#pragma once
// Label maps of any images from a trained run: `totum predict`.

#include <cstdint>
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

struct PredictedFolder {
  std::int64_t images = 0;                     // that were asked for
  std::vector<std::filesystem::path> written;  // in the order of the images
  std::vector<std::string> faults;             // one for each image without a label map
};

/// Writes OUT/NAME.nii.gz for each image NAME.nii.gz (or NAME.nii, if one file is given), in the image's own
/// geometry, with the run's best weights. An image that can't be handled, for whatever reason, leaves a fault
/// and the others go on. Throws DataError if there is no image or the run is not finished, ConfigError if
/// `out` is the images' own folder.
PredictedFolder predict_folder(const PredictRequest& request, Progress& progress);

}  // namespace totum
