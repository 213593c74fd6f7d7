#pragma once
// Names of cache files, and a look at one of them.

#include <filesystem>
#include <map>
#include <string>

#include "data/case_cache.h"
#include "data/dataset.h"
#include "data/split.h"

namespace totum {

inline constexpr const char* kCacheVersion = "totum-cache-2";

using FileHashes = std::map<std::string, std::string>;  // SHA-256 by path

/// What names a case's cache file: everything that decides the preprocessed case. `hashes` holds those of the
/// case's files.
std::string case_cache_key(const std::string& case_id, const DatasetCase& files, Modality modality,
                           const PreprocessConfig& config, const FileHashes& hashes);

/// One case from the cache, for a look at it: nothing is made or written. Throws DataError if the dataset
/// lacks the case or the cache lacks its file for this image, label and settings.
PreparedCase cached_case(const Dataset& dataset, const Split& split, const std::string& case_id,
                         const PreprocessConfig& config, const std::filesystem::path& cache);

}  // namespace totum
