#include "experiments/resources.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "core/error.h"
#include "core/json_reader.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_in(const fs::path& folder, const std::string& extension) {
  std::vector<std::string> names;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(folder, missing)) {
    if (entry.path().extension() == extension) names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

fs::path find(const std::string& kind, const std::string& name, const fs::path& folder,
              const std::string& extension) {
  if (name.find('/') != std::string::npos || name.ends_with(extension)) {
    for (const fs::path& path : {fs::path(name), resource_folder() / name, folder / name}) {
      if (fs::is_regular_file(path)) return path;
    }
    throw ConfigError(fmt::format("{} \"{}\": there is no such file", kind, name));
  }
  const fs::path path = folder / (name + extension);
  if (fs::is_regular_file(path)) return path;
  const auto names = names_in(folder, extension);
  const std::string nearest = nearest_name(name, names);
  throw ConfigError(fmt::format("unknown {} \"{}\"{}; there are: {} (in {})", kind, name,
                                nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest),
                                fmt::join(names, ", "), folder.string()));
}

fs::path presets() { return resource_folder() / "experiments" / "presets"; }
fs::path tables() { return resource_folder() / "experiments" / "tables"; }

}  // namespace

fs::path resource_folder() {
  const char* home = std::getenv("TOTUM_HOME");
  return home != nullptr && *home != '\0' ? fs::path(home) : fs::path(TOTUM_SOURCE_DIR);
}

fs::path preset_file(const std::string& name) { return find("preset", name, presets(), ".json"); }
fs::path table_file(const std::string& name) { return find("table", name, tables(), ".json"); }
fs::path split_file(const std::string& name) {
  return find("split", name, resource_folder() / "data_splits", ".csv");
}
std::vector<std::string> preset_names() { return names_in(presets(), ".json"); }
std::vector<std::string> table_names() { return names_in(tables(), ".json"); }

}  // namespace totum
