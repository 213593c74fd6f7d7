#include "data/prepare.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/sha256.h"
#include "data/align_cases.h"
#include "data/cache_key.h"
#include "data/nifti.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

// What stays the same while a file is not rewritten. The time of the last write can be set by anyone who
// copies a file, that of the last change of its entry can't.
std::string state_of(const fs::path& file) {
  struct stat found {};
  if (::stat(file.c_str(), &found) != 0)
    throw DataError(fmt::format("{}: can't be read: {}", file.string(), std::strerror(errno)));
  return fmt::format("{} {} {}.{:09} {}.{:09}", found.st_size, found.st_ino, found.st_mtim.tv_sec,
                     found.st_mtim.tv_nsec, found.st_ctim.tv_sec, found.st_ctim.tv_nsec);
}

fs::path memory_of(const fs::path& cache) { return cache / "file-hashes.json"; }

nlohmann::json read_memory(const fs::path& path) {
  if (!fs::exists(path)) return nlohmann::json::object();
  const auto memory = nlohmann::json::parse(read_file(path), nullptr, false);
  return memory.is_object() ? memory
                            : nlohmann::json::object();  // only a shortcut: what is unreadable is made again
}

struct CasePlan {
  std::string case_id;
  DatasetCase files;
  Modality modality;
  fs::path cache_file;
  std::string image_sha256, label_sha256;  // that the cache file is named by
  fs::path memory;                         // of hashes
  bool is_training;
  std::vector<std::int64_t> organs;  // that its task labels
};

// The bytes that the cache file's name stands for, or none at all: what is preprocessed is what was hashed.
std::string read_hashed(const fs::path& path, const std::string& expected_sha256, const fs::path& memory) {
  std::string bytes = read_nifti_bytes(path);
  if (sha256(bytes) != expected_sha256) {
    fs::remove(memory);  // what it remembers is wrong
    throw DataError(fmt::format(
        "{}: its bytes changed while the cases were prepared; run the same command again", path.string()));
  }
  return bytes;
}

// Readable files that hold nothing to learn from: most likely an export that went wrong.
void warn_of_emptiness(const CasePlan& plan, const ImageVolume& image, const std::optional<LabelMap>& label) {
  const auto [low, high] = std::minmax_element(image.voxels.begin(), image.voxels.end());
  if (low != image.voxels.end() && *low == *high) {
    log_warning(fmt::format("{}: every voxel has the value {}; is this the right image?",
                            plan.files.image.string(), *low));
  }
  if (!label || !plan.is_training) return;
  const auto is_labelled = [&](std::uint8_t value) {
    return std::find(plan.organs.begin(), plan.organs.end(), value) != plan.organs.end();
  };
  if (std::none_of(label->voxels.begin(), label->voxels.end(), is_labelled)) {
    log_warning(fmt::format("{}: no voxel of this training label is an organ that its task labels ({})",
                            plan.files.label.string(), fmt::join(plan.organs, ", ")));
  }
}

PreprocessedCase preprocess_case(const CasePlan& plan, const PreprocessConfig& config) {
  const ImageVolume image =
      decode_image(read_hashed(plan.files.image, plan.image_sha256, plan.memory), plan.files.image);
  std::optional<LabelMap> label;
  if (!plan.files.label.empty())
    label = decode_label(read_hashed(plan.files.label, plan.label_sha256, plan.memory), plan.files.label);
  warn_of_emptiness(plan, image, label);
  try {
    return preprocess(image, label, plan.modality, config, plan.case_id);
  } catch (const DataError& error) {
    const std::string with_label = label ? " with " + plan.files.label.string() : "";
    throw DataError(fmt::format("{}{}: {}", plan.files.image.string(), with_label, error.what()));
  }
}

PreparedCase open_or_make(const CasePlan& plan, const PreprocessConfig& config) {
  if (fs::exists(plan.cache_file)) {
    try {
      return {plan.case_id, plan.cache_file};
    } catch (const DataError& error) {  // the source is still there, so the cache can be mended
      log_warning(fmt::format("{}; making it again", error.what()));
    }
  }
  write_prepared_case(plan.cache_file, preprocess_case(plan, config));
  return {plan.case_id, plan.cache_file};
}

std::vector<fs::path> files_of(const Dataset& dataset, const Split& split) {
  std::vector<fs::path> files;
  for (const SplitCase& c : split.cases) {
    if (!dataset.cases.contains(c.case_id)) {
      throw DataError(fmt::format("{}: no image of case {}", dataset.folder.string(), c.case_id), true);
    }
    const DatasetCase& found = dataset.cases.at(c.case_id);
    files.push_back(found.image);
    if (!found.label.empty()) files.push_back(found.label);
  }
  return files;
}

std::vector<CasePlan> plan_cases(const Dataset& dataset, const Split& split, const PreprocessConfig& config,
                                 const fs::path& cache, int threads, std::string& data_sha256) {
  const auto hashes = hash_files(files_of(dataset, split), cache, threads);
  std::vector<CasePlan> plans;
  std::string all;
  for (const SplitCase& c : split.cases) {
    const DatasetCase& found = dataset.cases.at(c.case_id);
    const Modality modality = split.task_of(c).modality;
    const std::string key = case_cache_key(c.case_id, found, modality, config, hashes);
    all += c.case_id + case_data_key(c.case_id, found, modality, config, hashes);
    plans.push_back({c.case_id, found, modality, cache / "cases" / (key + ".safetensors"),
                     hashes.at(found.image.string()),
                     found.label.empty() ? "" : hashes.at(found.label.string()), memory_of(cache),
                     c.subset == Subset::train, split.task_of(c).organs});
  }
  data_sha256 = sha256(all);
  return plans;
}

// Registers the training cases where the atlas asks for it; each case's own map to the atlas stays in
// `prepared`.
std::map<std::string, CaseAlignment> align_training_cases(PreparedDataset& prepared,
                                                          const AtlasConfig& config, const fs::path& cache,
                                                          int threads, Progress& progress) {
  if (config.alignment == "resize") return {};
  std::vector<AtlasCase> cases;
  std::vector<const PreparedCase*> images;
  for (const SplitCase& c : prepared.split.in(Subset::train)) {
    images.push_back(&prepared.at(c.case_id));
    cases.push_back({images.back(), {}});
  }
  const auto kind = config.alignment == "affine" ? Registration::affine : Registration::deformable;
  auto aligned = align_cases(images, atlas_shape(cases), kind, cache, threads, progress);
  for (const auto& [case_id, alignment] : aligned) prepared.to_atlas[case_id] = alignment.to_atlas;
  return aligned;
}

Atlas open_or_make_atlas(const PreparedDataset& prepared, const std::map<std::string, CaseAlignment>& aligned,
                         const AtlasConfig& config, const fs::path& cache) {
  std::vector<AtlasCase> cases;
  std::string key =
      std::string(kCacheVersion) + " atlas " + prepared.data_sha256 + " " + to_json(config).dump();
  for (const SplitCase& c : prepared.split.in(Subset::train)) {
    const Task& task = prepared.split.task_of(c);
    const auto alignment = aligned.find(c.case_id);
    cases.push_back({&prepared.at(c.case_id), task.organs,
                     alignment == aligned.end() ? nullptr : &alignment->second.to_image});
    key += fmt::format(" {} {}", c.case_id, fmt::join(task.organs, ","));
  }
  const fs::path path = cache / "atlas" / (sha256(key) + ".safetensors");
  if (fs::exists(path)) {
    try {
      return read_atlas(path);
    } catch (const DataError& error) {
      log_warning(fmt::format("{}; making it again", error.what()));
    }
  }
  const Atlas atlas = make_atlas(cases, config);
  write_atlas(path, atlas);
  return atlas;
}

}  // namespace

std::map<std::string, std::string> hash_files(const std::vector<fs::path>& files, const fs::path& cache,
                                              int threads) {
  const fs::path memory_path = memory_of(cache);
  nlohmann::json memory = read_memory(memory_path);
  std::vector<std::string> state(files.size());
  std::vector<std::string> hash(files.size());
  std::atomic<bool> changed{false};
  parallel_for(static_cast<std::int64_t>(files.size()), threads, [&](std::int64_t item) {
    const auto i = static_cast<std::size_t>(item);
    state[i] = state_of(files[i]);
    const auto known = memory.find(fs::absolute(files[i]).string());
    if (known != memory.end() && known->is_object() && known->value("state", nlohmann::json()) == state[i]) {
      const nlohmann::json remembered = known->value("sha256", nlohmann::json());
      if (remembered.is_string()) hash[i] = remembered.get<std::string>();
    }
    if (hash[i].empty()) {
      hash[i] = sha256_of_file(files[i]);
      changed = true;
    }
  });
  std::map<std::string, std::string> hashes;
  for (std::size_t i = 0; i < files.size(); ++i) {
    hashes[files[i].string()] = hash[i];
    memory[fs::absolute(files[i]).string()] = {{"state", state[i]}, {"sha256", hash[i]}};
  }
  if (changed) write_file_atomically(memory_path, memory.dump(1));
  return hashes;
}

std::string data_sha256_of(const Dataset& dataset, const Split& split, const PreprocessConfig& config,
                           int threads) {
  const std::vector<fs::path> files = files_of(dataset, split);
  std::vector<std::string> hash(files.size());
  parallel_for(static_cast<std::int64_t>(files.size()), threads, [&](std::int64_t i) {
    hash[static_cast<std::size_t>(i)] = sha256_of_file(files[static_cast<std::size_t>(i)]);
  });
  FileHashes hashes;
  for (std::size_t i = 0; i < files.size(); ++i) hashes[files[i].string()] = hash[i];
  std::string all;
  for (const SplitCase& c : split.cases) {
    all += c.case_id +
           case_data_key(c.case_id, dataset.cases.at(c.case_id), split.task_of(c).modality, config, hashes);
  }
  return sha256(all);
}

PreparedDataset prepare_dataset(const Dataset& dataset, const Split& split, const PreparationConfig& config,
                                const fs::path& cache, int threads, Progress& progress) {
  PreparedDataset prepared{split, {}, {}, {}, ""};
  const auto plans = plan_cases(dataset, split, config.preprocess, cache, threads, prepared.data_sha256);
  for (const fs::path& part : {cache, cache / "cases", cache / "atlas", cache / "alignment"})
    remove_stale_temporaries(part);
  std::mutex mutex;
  std::vector<std::string> faults;
  progress.start(fmt::format("preparing {} cases", plans.size()), static_cast<std::int64_t>(plans.size()));
  std::int64_t done = 0;
  parallel_for(static_cast<std::int64_t>(plans.size()), threads, [&](std::int64_t i) {
    stop_if_interrupted("run the same command again to continue");
    const CasePlan& plan = plans[static_cast<std::size_t>(i)];
    try {
      PreparedCase opened = open_or_make(plan, config.preprocess);
      const std::lock_guard lock(mutex);
      prepared.cases.emplace(plan.case_id, std::move(opened));
      progress.update(++done, plan.case_id);
    } catch (const DataError& error) {
      const std::lock_guard lock(mutex);
      faults.emplace_back(error.what());
    }
  });
  if (!faults.empty()) {
    std::sort(faults.begin(), faults.end());
    throw DataError(
        fmt::format("{} case(s) can't be prepared:\n  {}", faults.size(), fmt::join(faults, "\n  ")));
  }
  progress.finish();
  const auto aligned = align_training_cases(prepared, config.atlas, cache, threads, progress);
  prepared.atlas = open_or_make_atlas(prepared, aligned, config.atlas, cache);
  return prepared;
}

}  // namespace totum
