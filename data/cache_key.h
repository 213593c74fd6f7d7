#pragma once
// Names of cache files, and a look at one of them.

#include <filesystem>
#include <map>
#include <string>

#include "data/case_cache.h"
#include "data/dataset.h"
#include "data/split.h"

namespace totum {

/// Another one for each change of what a file is read or preprocessed to. Files of version 1 may hold the
/// voxels of a neighbour (CASE.nii beside CASE.nii.gz) and are never opened.
inline constexpr const char* kCacheVersion = "totum-cache-2";

using FileHashes = std::map<std::string, std::string>;  // SHA-256 by path

/// SHA-256 over everything that a user decides about a preprocessed case: case, files, modality, settings.
/// `hashes` holds those of the case's files. Runs are recorded with it, so the program's own versions have no
/// part in it.
std::string case_data_key(const std::string& case_id, const DatasetCase& files, Modality modality,
                          const PreprocessConfig& config, const FileHashes& hashes);

/// What names a case's cache file: the same, and kCacheVersion.
std::string case_cache_key(const std::string& case_id, const DatasetCase& files, Modality modality,
                           const PreprocessConfig& config, const FileHashes& hashes);

/// One case from the cache, for a look at it: nothing is made or written. Throws DataError if the dataset
/// lacks the case or the cache lacks its file for this image, label and settings.
PreparedCase cached_case(const Dataset& dataset, const Split& split, const std::string& case_id,
                         const PreprocessConfig& config, const std::filesystem::path& cache);

}  // namespace totum
