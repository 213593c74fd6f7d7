#include "data/cache_key.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/sha256.h"

namespace totum {

namespace fs = std::filesystem;

std::string case_data_key(const std::string& case_id, const DatasetCase& files, Modality modality,
                          const PreprocessConfig& config, const FileHashes& hashes) {
  const std::string own_threshold = config.torso == "body" ? case_id : "";
  return sha256(fmt::format("totum-cache-1 {} {} {} {}{}", hashes.at(files.image.string()),
                            files.label.empty() ? "-" : hashes.at(files.label.string()), to_string(modality),
                            to_json(config).dump(), own_threshold));
}

std::string case_cache_key(const std::string& case_id, const DatasetCase& files, Modality modality,
                           const PreprocessConfig& config, const FileHashes& hashes) {
  return sha256(fmt::format("{} {}", kCacheVersion, case_data_key(case_id, files, modality, config, hashes)));
}

PreparedCase cached_case(const Dataset& dataset, const Split& split, const std::string& case_id,
                         const PreprocessConfig& config, const fs::path& cache) {
  const auto of_split = std::find_if(split.cases.begin(), split.cases.end(),
                                     [&](const SplitCase& c) { return c.case_id == case_id; });
  const auto found = dataset.cases.find(case_id);
  if (of_split == split.cases.end() || found == dataset.cases.end()) {
    throw DataError(
        fmt::format("{} is no case of split {} in {}", case_id, split.name, dataset.folder.string()));
  }
  FileHashes hashes;
  for (const fs::path& file : {found->second.image, found->second.label}) {
    if (!file.empty()) hashes[file.string()] = sha256_of_file(file);
  }
  const std::string key =
      case_cache_key(case_id, found->second, split.task_of(*of_split).modality, config, hashes);
  const fs::path path = cache / "cases" / (key + ".safetensors");
  if (!fs::exists(path)) {
    throw DataError(
        fmt::format("{}: holds no preprocessed image of {} as it is now; make it again with `totum "
                    "prepare --data {} --cache {}` and the --preset and --set of the run",
                    cache.string(), case_id, dataset.folder.string(), cache.string()));
  }
  return {case_id, path};
}

}  // namespace totum
