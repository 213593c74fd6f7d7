#include "data/case_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

// Why an entry named CASE.nii.gz is no file that could be read; empty if it is one.
std::string why_unusable(const fs::directory_entry& entry) {
  std::error_code error;
  if (entry.is_regular_file(error)) return "";
  if (entry.is_directory(error))
    return fmt::format("{} is a folder, not a file; put the file that it holds in its place",
                       entry.path().string());
  if (entry.is_symlink(error))
    return fmt::format("{} is a link to {}, which is not there", entry.path().string(),
                       fs::read_symlink(entry.path(), error).string());
  return fmt::format("{} is no regular file", entry.path().string());
}

std::string first_five(const std::vector<std::string>& names) {
  constexpr std::size_t kNamed = 5;
  const std::vector<std::string> shown(
      names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(kNamed, names.size())));
  return fmt::format("{}{}", fmt::join(shown, ", "), names.size() > kNamed ? ", …" : "");
}

}  // namespace

std::string CaseFiles::instead_of(const std::string& case_id) const {
  std::vector<std::string> found;
  const auto is_like = [&](const std::string& name) {
    return name.starts_with(case_id) && name.size() > case_id.size() &&
           std::isdigit(static_cast<unsigned char>(name[case_id.size()])) == 0;
  };
  for (const auto& [id, path] : files) {
    if (id != case_id && is_like(id)) found.push_back(path.filename().string());
  }
  for (const std::string& name : others) {
    if (is_like(name)) found.push_back(name);
  }
  return found.empty() ? "" : "found " + first_five(found);
}

std::string CaseFiles::others_text() const {
  if (others.empty()) return "nothing";
  return fmt::format("{} other {}: {}", others.size(), others.size() == 1 ? "entry" : "entries",
                     first_five(others));
}

CaseFiles case_files_in(const fs::path& folder) {
  if (!fs::is_directory(folder))
    throw DataError(fmt::format("{}: there is no such folder", folder.string()), true);
  CaseFiles found{folder, {}, {}, {}};
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.')) continue;
    if (!name.ends_with(kCaseExtension) || name.size() == kCaseExtension.size()) {
      found.others.push_back(entry.is_directory() ? name + "/" : name);
      continue;
    }
    const std::string case_id = name.substr(0, name.size() - kCaseExtension.size());
    std::string why = why_unusable(entry);
    if (why.empty()) {
      found.files[case_id] = entry.path();
    } else {
      found.unusable[case_id] = std::move(why);
    }
  }
  std::sort(found.others.begin(), found.others.end());
  return found;
}

}  // namespace totum
