#include "data/dataset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "core/log.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtension = ".nii.gz";

std::string case_id_of(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(kExtension) && !name.starts_with('.')
             ? name.substr(0, name.size() - kExtension.size())
             : "";
}

void collect(Dataset& dataset, const std::string& images, const std::string& labels) {
  const fs::path folder = dataset.folder / images;
  if (!fs::is_directory(folder)) return;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string id = case_id_of(entry.path());
    if (id.empty()) continue;
    const fs::path label = dataset.folder / labels / (id + std::string(kExtension));
    dataset.cases[id] = {entry.path(), fs::exists(label) ? label : fs::path()};
  }
}

}  // namespace

Dataset open_dataset(const fs::path& folder) {
  const auto refuse = [&](const std::string& why) {
    throw DataError(
        fmt::format("{}: {}; a dataset in AMOS22's form has dataset.json, imagesTr/amos_0001.nii.gz, … and "
                    "labelsTr/amos_0001.nii.gz, …",
                    folder.string(), why),
        true);
  };
  if (!fs::is_directory(folder)) refuse("there is no such folder");
  if (fs::is_empty(folder)) refuse("the folder is empty");
  if (!fs::exists(folder / "dataset.json")) refuse("dataset.json is missing");
  Dataset dataset{folder, fs::exists(folder / "phantom.json"), {}};
  for (const char* part : {"Tr", "Va", "Ts"})
    collect(dataset, std::string("images") + part, std::string("labels") + part);
  if (dataset.cases.empty()) refuse("no image (*.nii.gz) under imagesTr, imagesVa or imagesTs");
  return dataset;
}

std::vector<std::string> missing_cases(const Dataset& dataset, const Split& split) {
  std::vector<std::string> missing;
  for (const SplitCase& c : split.cases) {
    const auto found = dataset.cases.find(c.case_id);
    if (found == dataset.cases.end() || found->second.label.empty()) missing.push_back(c.case_id);
  }
  return missing;
}

Split restrict_to(const Dataset& dataset, const Split& split, bool allow_missing) {
  const std::vector<std::string> missing = missing_cases(dataset, split);
  if (missing.empty()) return split;
  const std::string list =
      fmt::format("split {}: no image or no label for {} of {} cases in {}: {}", split.name, missing.size(),
                  split.cases.size(), dataset.folder.string(), fmt::join(missing, ", "));
  if (!allow_missing)
    throw DataError(list + ". Add them under imagesTr and labelsTr, or pass --allow-missing", true);
  log_warning(list + "; going on without them (--allow-missing)");
  Split rest = split;
  std::erase_if(rest.cases, [&](const SplitCase& c) {
    return std::find(missing.begin(), missing.end(), c.case_id) != missing.end();
  });
  if (rest.cases.empty())
    throw DataError("split " + split.name + ": none of its cases is in " + dataset.folder.string(), true);
  return rest;
}

}  // namespace totum
