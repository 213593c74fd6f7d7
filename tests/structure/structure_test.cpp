// The project's own rules: folders include only along the arrows of the architecture, headers stay cheap,
// every folder has a README.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
const fs::path kRoot = TOTUM_SOURCE_DIR;

using Folders = std::set<std::string>;

// What each folder may include besides itself.
const std::map<std::string, Folders>& allowed() {
  static const std::map<std::string, Folders> kAllowed{
      {"core", {}},
      {"kernels", {"core"}},
      {"data", {"core"}},
      {"networks", {"core", "kernels"}},
      {"methods", {"core", "kernels", "networks", "data"}},
      {"baselines", {"core", "kernels", "networks", "data", "methods"}},
      {"evaluation", {"core", "kernels", "data"}},
      {"reports", {"core", "data", "evaluation"}},  // data for the names of organs and modalities
      {"experiments",
       {"core", "kernels", "data", "networks", "methods", "baselines", "evaluation", "reports"}},
      {"cli",
       {"core", "kernels", "data", "networks", "methods", "baselines", "evaluation", "experiments",
        "reports"}},
  };
  return kAllowed;
}

std::vector<fs::path> sources(const std::string& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
    const auto extension = entry.path().extension();
    if (extension == ".h" || extension == ".cpp" || extension == ".cu") found.push_back(entry.path());
  }
  return found;
}

std::vector<std::string> includes(const fs::path& file, const std::regex& form) {
  std::vector<std::string> found;
  std::ifstream stream(file);
  std::string line;
  std::smatch match;
  while (std::getline(stream, line)) {
    if (std::regex_search(line, match, form)) found.push_back(match[1]);
  }
  return found;
}

TEST(Structure, FoldersIncludeOnlyAlongTheArrows) {
  const std::regex ours("^#include \"([a-z_]+)/");
  std::size_t seen = 0;
  for (const auto& [folder, permitted] : allowed()) {
    for (const fs::path& file : sources(folder)) {
      for (const std::string& other : includes(file, ours)) {
        ++seen;
        EXPECT_TRUE(other == folder || permitted.contains(other)) << file << " includes " << other << "/";
      }
    }
  }
  EXPECT_GT(seen, 100U);
}

// LibTorch's large headers cost half a minute for each file that meets them.
TEST(Structure, OnlyNetworksAndMethodsHaveHeadersWithAllOfLibTorch) {
  const std::regex torch("^#include <(torch/torch\\.h|torch/types\\.h|ATen/ATen\\.h)>");
  for (const auto& [folder, permitted] : allowed()) {
    if (folder == "networks" || folder == "methods") continue;
    for (const fs::path& file : sources(folder)) {
      if (file.extension() == ".h") {
        EXPECT_TRUE(includes(file, torch).empty()) << file;
      }
    }
  }
}

TEST(Structure, StatisticsAndReportsNeverSeeLibTorch) {
  const std::regex torch("^#include <(torch/|ATen/|c10/)");
  for (const std::string folder : {"core", "reports"}) {
    for (const fs::path& file : sources(folder)) EXPECT_TRUE(includes(file, torch).empty()) << file;
  }
}

TEST(Structure, EveryFolderHasAReadme) {
  for (const auto& [folder, permitted] : allowed())
    EXPECT_TRUE(fs::exists(kRoot / folder / "README.md")) << folder;
  for (const char* folder : {"benchmarks", "cmake", "data_splits", "docs", "tests"}) {
    EXPECT_TRUE(fs::exists(kRoot / folder / "README.md")) << folder;
  }
}

TEST(Structure, HeadersBeginWithPragmaOnce) {
  for (const auto& [folder, permitted] : allowed()) {
    for (const fs::path& file : sources(folder)) {
      if (file.extension() != ".h") continue;
      std::ifstream stream(file);
      std::string line;
      std::getline(stream, line);
      EXPECT_EQ(line, "#pragma once") << file;
    }
  }
}

}  // namespace
