#pragma once
// Scores of a run's stored label maps, taken again from a dataset.

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/preprocess.h"

namespace totum {

/// What taking a run's scores again on one grid has shown.
struct Rescoring {
  std::int64_t cases = 0;    // scored again
  std::int64_t values = 0;   // compared
  std::string difference;    // the first one in words; empty if there is none
  bool of_geometry = false;  // it is a value in mm or ml (or NSD), and all values that count voxels are equal
};

/// Does a dataset hold what a run was made from?
struct DataCheck {
  std::string sha256;                // of images, labels and preprocessing, as run.json's hashes.data
  std::vector<std::string> missing;  // cases of the split that the dataset lacks; left out of the hash
};

/// Scores label maps of runs again. It takes nothing from the cache of preprocessed cases. References on the
/// network grid are kept for the next run: a byte a voxel.
class Rescorer {
 public:
  /// Throws DataError if the folder is no dataset in AMOS22's form.
  explicit Rescorer(const std::filesystem::path& data);

  /// Scores the run's label maps on a grid ("native": RUN/predictions, "network": RUN/predictions_network)
  /// against the dataset's labels, on the network grid preprocessed again with the settings in RUN/run.json,
  /// and compares with that grid's rows of RUN/scores.csv to the last bit. A case or a row that only one side
  /// has is a difference, and so is a comparison of nothing; a case that the dataset lacks may be without
  /// scores if the run was planned with --allow-missing. RUN/inputs.json names the split.
  Rescoring rescore(const std::filesystem::path& run, const std::string& grid);

  /// The hash of the dataset's files, computed once for runs of the same split and preprocessing.
  DataCheck check_data(const std::filesystem::path& run);

 private:
  struct Reference {
    Geometry geometry;
    std::vector<std::uint8_t> voxels;
  };
  Reference reference_of(const SplitCase& c, const Split& split, const PreprocessConfig& config,
                         const std::string& grid);

  Dataset dataset_;
  std::map<std::string, Reference> network_references_;  // by case and settings
  std::map<std::string, DataCheck> checks_;              // by split and settings
};

/// The grids that a run's scores are on: run.json's config.evaluation.grids.
std::vector<std::string> scored_grids(const nlohmann::json& record);

}  // namespace totum
