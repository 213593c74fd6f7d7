#include "data/phantom/phantom.h"

#include <fmt/format.h>

#include <atomic>

#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/json_reader.h"
#include "core/parallel.h"
#include "data/phantom/anatomy.h"
#include "data/phantom/case_plan.h"
#include "data/phantom/render.h"
#include "data/phantom/stored_volume.h"
#include "data/split.h"

namespace totum {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Raised whenever a change moves a voxel, so that old folders are not taken for new ones.
constexpr int kPhantomVersion = 1;

fs::path image_path(const fs::path& out, const std::string& id) {
  return out / "imagesTr" / (id + ".nii.gz");
}
fs::path label_path(const fs::path& out, const std::string& id) {
  return out / "labelsTr" / (id + ".nii.gz");
}

// What the voxels depend on.
json identity(const PhantomConfig& config, const Split& split) {
  return {{"generator", "totum phantom"}, {"version", kPhantomVersion}, {"size", config.size},
          {"seed", config.seed},          {"split", split.name},        {"split_sha256", split.sha256}};
}

json dataset_json(const Split& split) {
  json labels = {{"0", "background"}, {"14", "bladder"}, {"15", "prostate/uterus"}};
  for (const OrganRow& row : organ_table()) labels[std::to_string(row.id)] = row.name;
  json training = json::array();
  for (const SplitCase& c : split.cases) {
    training.push_back({{"image", fmt::format("./imagesTr/{}.nii.gz", c.case_id)},
                        {"label", fmt::format("./labelsTr/{}.nii.gz", c.case_id)}});
  }
  return {{"name", "AMOS-phantom"},
          {"description", "Synthetic abdominal CT and MR in the layout of AMOS22; no patient's data"},
          {"reference", "totum phantom"},
          {"licence", "as totum"},
          {"release", std::to_string(kPhantomVersion)},
          {"tensorImageSize", "3D"},
          {"modality", {{"0", "CT"}}},
          {"labels", labels},
          {"numTraining", training.size()},
          {"numValidation", 0},
          {"numTest", 0},
          {"training", training},
          {"validation", json::array()},
          {"test", json::array()}};
}

[[noreturn]] void refuse(const fs::path& out, const std::string& why) {
  throw ConfigError(fmt::format("{}: {}; name another folder, or remove this one", out.string(), why));
}

bool only_own_entries(const fs::path& out) {
  for (const auto& entry : fs::directory_iterator(out)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with('.')) return false;
  }
  return true;
}

// True if `out` already holds all of this phantom. Throws ConfigError if it holds something else.
bool is_complete(const fs::path& out, const json& wanted, const Split& split) {
  const fs::path record = out / "phantom.json";
  if (!fs::exists(record)) {
    if (!only_own_entries(out)) refuse(out, "the folder holds something that is no phantom of totum");
    return false;
  }
  const json found = read_json_file(record);
  if (!found.is_object() || found.value("config", json()) != wanted) {
    refuse(out, fmt::format("the folder holds another phantom ({}), wanted is {}",
                            found.value("config", json()).dump(), wanted.dump()));
  }
  if (!found.value("complete", false) || !fs::exists(out / "dataset.json")) return false;
  for (const SplitCase& c : split.cases) {
    if (!fs::exists(image_path(out, c.case_id)) || !fs::exists(label_path(out, c.case_id))) return false;
  }
  return true;
}

void write_case(const CasePlan& plan, const fs::path& out) {
  const fs::path image = image_path(out, plan.case_id), label = label_path(out, plan.case_id);
  if (fs::exists(image) && fs::exists(label)) return;
  const PhantomCase rendered = render_case(plan);
  write_stored_image(image, rendered.image, plan.storage);
  write_stored_labels(label, rendered.labels, plan.storage);
}

void write_record(const fs::path& out, const json& config, const json& cases) {
  const json record = {{"format", 1}, {"config", config}, {"complete", !cases.is_null()}, {"cases", cases}};
  write_file_atomically(out / "phantom.json", record.dump(1) + "\n");
}

fs::path split_file(const std::string& name) { return fs::path(TOTUM_SPLITS_FOLDER) / name; }

}  // namespace

PhantomConfig phantom_config(std::string_view name) {
  if (name == "tiny") return {"tiny", split_file("phantom_tiny.csv")};
  if (name == "smoke") return {"smoke", split_file("phantom_smoke.csv")};
  if (name == "quick") return {"smoke", split_file("phantom_quick.csv")};
  if (name == "phantom" || name == "medium") return {"medium", split_file("phantom_medium.csv")};
  if (name == "full") return {"full", split_file("amos22.csv")};
  throw ConfigError(
      fmt::format("phantom \"{}\" is unknown; must be tiny, smoke, quick, phantom, medium or full", name));
}

void write_phantom_dataset(const PhantomConfig& config, const fs::path& out, Progress& progress) {
  const PhantomSize size = phantom_size(config.size);
  const Split split = read_split(config.split);
  const json wanted = identity(config, split);
  if (fs::exists(out) && !fs::is_directory(out)) refuse(out, "it is a file");
  if (fs::exists(out) && is_complete(out, wanted, split))
    return;  // a finished one may be on a read-only disk
  fs::create_directories(out);
  const FileLock lock = FileLock::wait(out / ".lock");
  if (is_complete(out, wanted, split)) return;
  write_record(out, wanted, nullptr);
  for (const char* folder : {"imagesTr", "labelsTr"}) {
    fs::create_directories(out / folder);
    remove_stale_temporaries(out / folder);
  }
  base_volumes_ml();  // computed once, before the threads ask for it
  std::vector<json> cases(split.cases.size());
  const auto count = static_cast<std::int64_t>(split.cases.size());
  std::atomic<std::int64_t> done{0};
  progress.start(fmt::format("writing {} phantom cases", count), count);
  parallel_for(count, config.threads, [&](std::int64_t i) {
    stop_if_interrupted("the same command continues where this one stopped");
    const SplitCase& c = split.cases[static_cast<std::size_t>(i)];
    const CasePlan plan = plan_case(config.seed, size, c.case_id, split.task_of(c).modality);
    write_case(plan, out);
    json& record = cases[static_cast<std::size_t>(i)] = to_json(plan);
    record["subset"] = to_string(c.subset);
    record["task"] = split.task_of(c).name;
    progress.update(++done, c.case_id);
  });
  progress.finish();
  json by_id;
  for (std::size_t i = 0; i < cases.size(); ++i) by_id[split.cases[i].case_id] = cases[i];
  write_file_atomically(out / "dataset.json", dataset_json(split).dump(1) + "\n");
  write_record(out, wanted, by_id);
}

}  // namespace totum
