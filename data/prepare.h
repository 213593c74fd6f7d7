#pragma once
// From a dataset and a split to preprocessed cases and the atlas, through the cache.

#include <filesystem>
#include <map>
#include <string>

#include "core/progress.h"
#include "data/atlas.h"
#include "data/case_cache.h"
#include "data/dataset.h"
#include "data/split.h"

namespace totum {

struct PreparationConfig {
  PreprocessConfig preprocess;
  AtlasConfig atlas;
};

struct PreparedDataset {
  Split split;
  std::map<std::string, PreparedCase> cases;  // every case of the split
  Atlas atlas;
  /// From places in a training image to places in the atlas; empty where the atlas is plainly resized to an
  /// image.
  std::map<std::string, Warp> to_atlas;
  std::string data_sha256;  // over the bytes of all images and labels and the preprocessing settings

  [[nodiscard]] const PreparedCase& at(const std::string& case_id) const { return cases.at(case_id); }
  /// The map for atlas_patch(); null where there is none.
  [[nodiscard]] const Warp* warp_of(const std::string& case_id) const {
    const auto found = to_atlas.find(case_id);
    return found == to_atlas.end() ? nullptr : &found->second;
  }
};

/// Preprocesses what the cache lacks, `threads` cases at once, and opens everything. A cache file is named by
/// the hash of image bytes, label bytes, modality, settings and format version; a damaged one is made again
/// with a warning. May be interrupted and repeated at any time; several processes may share a cache. Faults
/// of all cases are collected and thrown as one DataError. `data_sha256` does not tell how the atlas is made.
PreparedDataset prepare_dataset(const Dataset& dataset, const Split& split, const PreparationConfig& config,
                                const std::filesystem::path& cache, int threads, Progress& progress);

/// What PreparedDataset::data_sha256 is for this dataset, from the bytes of its files: nothing is remembered
/// and nothing is written, so that it can stand as evidence. Throws DataError if the dataset lacks a case of
/// the split.
std::string data_sha256_of(const Dataset& dataset, const Split& split, const PreprocessConfig& config,
                           int threads);

/// SHA-256 of files, remembered in `cache`/file-hashes.json by path, size, inode, time of the last write
/// and of the last change of the entry.
std::map<std::string, std::string> hash_files(const std::vector<std::filesystem::path>& files,
                                              const std::filesystem::path& cache, int threads);

}  // namespace totum
