#pragma once
// Preprocessing and atlas of a preset, and nothing else: `totum prepare` and `totum atlas`.

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/progress.h"
#include "experiments/preset.h"

namespace totum {

struct PrepareRequest {
  Preset preset;
  std::filesystem::path data;
  std::filesystem::path cache;
  bool allow_missing = false;
  int threads = 0;  // 0: all cores
};

struct PrepareSummary {
  std::size_t cases = 0;
  std::array<double, 3> mean_shape{};  // D,H,W of the preprocessed training images
  Shape3 atlas_shape{};
  std::string remark;  // what a user should know about it; may be empty
};

/// Throws ConfigError, DataError, Interrupted.
PrepareSummary prepare_for_preset(const PrepareRequest& request, Progress& progress);

/// One organ's map in numbers.
struct AtlasOrgan {
  std::int64_t organ = 0;
  std::int64_t cases = 0;              // training cases whose task labels it
  double volume_ml = 0;                // sum of the map times the volume of a voxel
  float largest = 0;                   // value of the map
  std::optional<double> entropy_bits;  // of a voxel of the organ (data/atlas.h)
};

struct AtlasExport {
  std::vector<std::filesystem::path> files;  // NIfTI and PNG, see data/atlas_files.h
  Shape3 shape{};
  std::vector<AtlasOrgan> organs;
  std::optional<double> mean_entropy_bits;  // over organs
  std::string warning;                      // what a report must say; may be empty
};

/// Makes the atlas of a preset (as training would) and writes it to `out`. Without `data`, a phantom preset
/// makes its dataset under `out`. An empty `cache` is `out`/cache. Throws ConfigError, DataError, RunError,
/// Interrupted.
AtlasExport export_atlas(const PrepareRequest& request, const std::filesystem::path& out, Progress& progress);

}  // namespace totum
