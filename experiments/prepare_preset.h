#pragma once
// Preprocessing and atlas of a preset, and nothing else: `totum prepare`.

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>

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

}  // namespace totum
