#include "data/dataset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "data/case_files.h"
#include "data/label_names.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

// What one of imagesTr, labelsTr, … holds; nothing if it isn't there.
CaseFiles files_of(const fs::path& folder) {
  return fs::is_directory(folder) ? case_files_in(folder) : CaseFiles{folder, {}, {}, {}};
}

bool is_same_file(const fs::path& a, const fs::path& b) {
  return fs::file_size(a) == fs::file_size(b) && read_file(a) == read_file(b);
}

// "2 other entries: a.nii, b/", or what is wrong with a case's file.
std::string what_lies_in(const fs::path& folder) {
  const CaseFiles files = files_of(folder);
  return files.unusable.empty() ? files.others_text() : files.unusable.begin()->second;
}

// A case that lies in two folders is one case if it is the same to the byte; a label may be in one of them
// only.
DatasetCase one_of(const DatasetCase& known, const DatasetCase& found, std::vector<std::string>& faults) {
  const auto compare = [&](const fs::path& a, const fs::path& b) {
    if (!is_same_file(a, b)) faults.push_back(fmt::format("{} and {}", a.string(), b.string()));
  };
  compare(known.image, found.image);
  if (!known.label.empty() && !found.label.empty()) compare(known.label, found.label);
  return known.label.empty() ? found : known;
}

void collect(Dataset& dataset, const std::string& part, std::vector<std::string>& faults) {
  const CaseFiles images = files_of(dataset.folder / ("images" + part));
  const CaseFiles labels = files_of(dataset.folder / ("labels" + part));
  for (const auto& [id, image] : images.files) {
    const auto label = labels.files.find(id);
    const DatasetCase found{image, label == labels.files.end() ? fs::path() : label->second};
    const auto [known, is_new] = dataset.cases.emplace(id, found);
    if (!is_new) known->second = one_of(known->second, found, faults);
  }
}

}  // namespace

std::string Dataset::remark_of(const std::string& case_id) const {
  std::vector<std::string> remarks;
  for (const char* kind : {"images", "labels"}) {
    for (const char* part : {"Tr", "Va", "Ts"}) {
      const CaseFiles files = files_of(folder / (std::string(kind) + part));
      const auto unusable = files.unusable.find(case_id);
      if (unusable != files.unusable.end()) remarks.push_back(unusable->second);
      const std::string instead = files.files.contains(case_id) ? "" : files.instead_of(case_id);
      if (!instead.empty()) remarks.push_back(fmt::format("{} in {}{}", instead, kind, part));
    }
  }
  return fmt::format("{}", fmt::join(remarks, "; "));
}

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
  check_label_names(folder / "dataset.json", {},
                    "totum reads AMOS22's numbers; renumber the labels, or correct dataset.json");
  std::vector<std::string> faults;
  for (const char* part : {"Tr", "Va", "Ts"}) collect(dataset, part, faults);
  if (!faults.empty()) {
    throw DataError(fmt::format("{}: one case has two different files: {}; keep the right one of each",
                                folder.string(), fmt::join(faults, "; ")),
                    true);
  }
  if (dataset.cases.empty()) {
    refuse(fmt::format("no image (CASE.nii.gz) under imagesTr, imagesVa or imagesTs; imagesTr holds {}",
                       what_lies_in(folder / "imagesTr")));
  }
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
  std::string list =
      fmt::format("split {}: no image or no label for {} of {} cases in {}: {}", split.name, missing.size(),
                  split.cases.size(), dataset.folder.string(), fmt::join(missing, ", "));
  for (std::size_t i = 0, named = 0; i < missing.size() && named < 3; ++i) {
    const std::string remark = dataset.remark_of(missing[i]);
    if (remark.empty()) continue;
    list += fmt::format("; {}: {}, wanted {}.nii.gz", missing[i], remark, missing[i]);
    ++named;
  }
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
