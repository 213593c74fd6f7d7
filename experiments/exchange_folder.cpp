#include "experiments/exchange_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "data/nifti.h"
#include "data/orientation.h"
#include "data/preprocess.h"
#include "data/resample.h"

namespace totum {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kNamed = 5;  // values or files that a message names; the others are counted

std::string file_of(const char* folder, const std::string& case_id) {
  return fmt::format("{}/{}.nii.gz", folder, case_id);
}

json tasks_json(const std::vector<Task>& tasks) {
  json list = json::array();
  for (const Task& task : tasks) {
    list.push_back({{"name", task.name}, {"modality", to_string(task.modality)}, {"organs", task.organs}});
  }
  return list;
}

// A test case's task is left out: no method is told it.
json case_json(const SplitCase& c, const Task& task) {
  json entry{{"case", c.case_id}, {"modality", to_string(task.modality)}, {"subset", to_string(c.subset)}};
  if (c.subset == Subset::train) {
    entry["task"] = task.name;
    entry["labelled_organs"] = task.organs;
    entry["image"] = file_of("imagesTr", c.case_id);
    entry["label"] = file_of("labelsTr", c.case_id);
  } else {
    entry["image"] = file_of("imagesTs", c.case_id);
    entry["prediction"] = file_of("predictions", c.case_id);
  }
  return entry;
}

json task_json(const Exchange& exchange, const SourceJob& job) {
  const Split& split = job.data.split;
  json classes = json::array();
  for (std::int64_t organ = 0; organ <= kOrgans; ++organ) classes.push_back(organ_name(organ));
  json cases = json::array();
  for (const Subset subset : {Subset::train, Subset::test}) {
    for (const SplitCase& c : split.in(subset)) cases.push_back(case_json(c, split.task_of(c)));
  }
  const TrainingBudget& b = job.budget;
  return {{"format", 1},
          {"run", job.run},
          {"seed", job.seed},
          {"device", job.device},
          {"grid", exchange.grid},
          {"budget",
           {{"epochs", b.epochs},
            {"patches", b.patches},
            {"patch_voxels", b.patch_voxels},
            {"batch_size", b.batch_size},
            {"threads", b.threads},
            {"time_limit_s", exchange.time_limit_s > 0 ? json(exchange.time_limit_s) : json(nullptr)}}},
          {"classes", classes},
          {"tasks", tasks_json(split.tasks)},
          {"cases", cases}};
}

bool is_native(const Exchange& exchange) { return exchange.grid == "native"; }

void write_image_of(const Exchange& exchange, const SourceJob& job, const PreparedCase& image,
                    const fs::path& to) {
  if (is_native(exchange)) {
    fs::copy_file(job.dataset.cases.at(image.case_id()).image, to);  // a link would lead to the labels
  } else {
    write_image(to, {image.network(), {image.image().begin(), image.image().end()}});
  }
}

void write_permitted_label(const Exchange& exchange, const SourceJob& job, const PreparedCase& image,
                           const std::vector<std::int64_t>& organs, const fs::path& to) {
  LabelMap label;
  if (is_native(exchange)) {
    label = {image.native(), read_label(job.dataset.cases.at(image.case_id()).label).voxels};
  } else {
    label = {image.network(), {image.label().begin(), image.label().end()}};
  }
  for (std::uint8_t& value : label.voxels) {
    if (std::find(organs.begin(), organs.end(), value) == organs.end()) value = 0;
  }
  write_label_map(to, label);
}

const Geometry& grid_of(const Exchange& exchange, const PreparedCase& image) {
  return is_native(exchange) ? image.native() : image.network();
}

std::string value_fault(const std::vector<float>& voxels) {
  std::set<float> unknown;
  for (const float value : voxels) {
    if (value >= 0 && value <= kOrgans && value == std::floor(value)) continue;
    unknown.insert(value);
    if (unknown.size() > kNamed) break;
  }
  if (unknown.empty()) return "";
  const bool more = unknown.size() > kNamed;
  if (more) unknown.erase(std::prev(unknown.end()));
  return fmt::format("has the value{} {}{}; must be class indices 0..{}", unknown.size() > 1 ? "s" : "",
                     fmt::join(unknown, ", "), more ? ", …" : "", kOrgans);
}

std::string fault_of(const Exchange& exchange, const PreparedCase& image) {
  const std::string name = file_of("predictions", image.case_id());
  const fs::path path = exchange.folder / name;
  if (!fs::is_regular_file(path)) return name + " is missing";
  try {
    const Geometry& grid = grid_of(exchange, image);
    const ImageVolume written = read_image(path);
    std::string fault = grid_fault(written.geometry, grid, "its image");
    if (fault.empty()) fault = value_fault(written.voxels);
    return fault.empty() ? "" : fmt::format("{} {}", name, fault);
  } catch (const DataError& error) {
    return error.what();
  }
}

// Files that name no test case: most likely misspelt.
std::string strangers(const Exchange& exchange, const Split& split) {
  std::set<std::string> expected;
  for (const SplitCase& c : split.in(Subset::test)) expected.insert(c.case_id + ".nii.gz");
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(exchange.folder / "predictions")) {
    const std::string name = entry.path().filename().string();
    if (!expected.contains(name)) found.push_back(name);
  }
  if (found.empty()) return "";
  std::sort(found.begin(), found.end());
  const std::size_t count = found.size();
  found.resize(std::min(count, kNamed));
  return fmt::format("predictions/ holds {} file(s) that name no test case: {}{}", count,
                     fmt::join(found, ", "), count > kNamed ? ", …" : "");
}

}  // namespace

void write_exchange_folder(const Exchange& exchange, const SourceJob& job) {
  const fs::path& folder = exchange.folder;
  fs::remove_all(folder);
  for (const char* part : {"imagesTr", "labelsTr", "imagesTs", "predictions"})
    fs::create_directories(folder / part);
  const Split& split = job.data.split;
  for (const SplitCase& c : split.in(Subset::train)) {
    const PreparedCase& image = job.data.at(c.case_id);
    write_image_of(exchange, job, image, folder / file_of("imagesTr", c.case_id));
    write_permitted_label(exchange, job, image, split.task_of(c).organs,
                          folder / file_of("labelsTr", c.case_id));
  }
  for (const SplitCase& c : split.in(Subset::test)) {
    write_image_of(exchange, job, job.data.at(c.case_id), folder / file_of("imagesTs", c.case_id));
  }
  write_file_atomically(folder / "task.json", task_json(exchange, job).dump(2) + "\n");
}

void check_predictions(const Exchange& exchange, const SourceJob& job) {
  std::vector<std::string> faults;
  if (!fs::is_directory(exchange.folder / "predictions"))
    throw RunError("the external program removed the folder predictions");
  for (const SplitCase& c : job.data.split.in(Subset::test)) {
    if (std::string fault = fault_of(exchange, job.data.at(c.case_id)); !fault.empty())
      faults.push_back(std::move(fault));
  }
  if (faults.empty()) return;
  if (std::string text = strangers(exchange, job.data.split); !text.empty())
    faults.push_back(std::move(text));
  throw RunError(
      fmt::format("the external program's label maps can't be scored:\n  {}", fmt::join(faults, "\n  ")));
}

CasePrediction read_prediction(const Exchange& exchange, const PreparedCase& image) {
  const LabelMap written = read_label(exchange.folder / file_of("predictions", image.case_id()));
  LabelMap own{grid_of(exchange, image), written.voxels};  // the image's affine, to the last digit
  if (!is_native(exchange)) {
    LabelMap native = to_native(own, image.native());
    return {std::move(own), std::move(native)};
  }
  LabelMap network = resample_nearest(to_ras(own), image.network(), Outside::edge);
  return {std::move(network), std::move(own)};
}

}  // namespace totum
