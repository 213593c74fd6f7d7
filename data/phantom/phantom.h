#pragma once
// A synthetic dataset in AMOS22's form, that any build makes in seconds. Results on it are never paper
// results.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/progress.h"

namespace totum {

struct PhantomConfig {
  std::string size = "smoke";   // tiny, smoke, prototype, medium or full: the grids (case_plan.h)
  std::filesystem::path split;  // the cases to make: their ids and modalities
  std::uint64_t seed = 7;
  int threads = 0;  // 0 = all cores; changes no byte
};

/// Size and split that belong to a name: tiny, smoke, quick (grids of smoke), phantom and medium (the same),
/// full (AMOS22's own split). Throws ConfigError for another name.
PhantomConfig phantom_config(std::string_view name);

/// Writes imagesTr, labelsTr, dataset.json and phantom.json for every case of the split. phantom.json says
/// `"complete": true` only when all is there, so that an interrupted call continues, and a call that finds
/// its work done returns at once. Throws ConfigError if `out` holds anything else (another phantom too),
/// Interrupted.
///
/// Determinism: each case depends on (seed, size, case id, modality) alone, not on threads or the other
/// cases.
void write_phantom_dataset(const PhantomConfig& config, const std::filesystem::path& out, Progress& progress);

}  // namespace totum
