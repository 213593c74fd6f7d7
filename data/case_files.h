#pragma once
// The files CASE.nii.gz of a folder, and what lies there instead of them.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace totum {

inline constexpr std::string_view kCaseExtension = ".nii.gz";

struct CaseFiles {
  std::filesystem::path folder;
  std::map<std::string, std::filesystem::path> files;  // by case id
  std::map<std::string, std::string> unusable;         // case id -> why CASE.nii.gz can't be read
  std::vector<std::string> others;                     // other names, folders with a "/"; sorted

  /// "found amos_0001_0000.nii.gz": what is named like the case without being CASE.nii.gz; empty if nothing
  /// is.
  [[nodiscard]] std::string instead_of(const std::string& case_id) const;
  /// "3 other entries: a.nii, b.nii, amos_0001/", at most five of them; "nothing" for an empty folder.
  [[nodiscard]] std::string others_text() const;
};

/// Files beginning with a dot are left out. A folder named CASE.nii.gz and a link to nothing are `unusable`.
/// Throws DataError (exit status 2) if there is no such folder.
CaseFiles case_files_in(const std::filesystem::path& folder);

}  // namespace totum
