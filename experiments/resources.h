#pragma once
// The files that come with the program: presets, tables and splits.

#include <filesystem>
#include <string>
#include <vector>

namespace totum {

/// The folder that holds experiments/ and data_splits/: the environment variable TOTUM_HOME, else the source
/// folder that the program was built from.
std::filesystem::path resource_folder();

/// A file by its name without ending ("smoke"), or by its path (anything with a '/' or an ending). Throws
/// ConfigError that lists the names there are.
std::filesystem::path preset_file(const std::string& name);
std::filesystem::path table_file(const std::string& name);
std::filesystem::path split_file(const std::string& name);

/// Names without ending, sorted.
std::vector<std::string> preset_names();
std::vector<std::string> table_names();

}  // namespace totum
