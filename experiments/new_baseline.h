#pragma once
// A new baseline from the templates in baselines/template: what `totum new-baseline` does.

#include <filesystem>
#include <string>
#include <vector>

namespace totum {

struct NewBaseline {
  std::string name;            // "my_method": registry name, file name, prefix of its functions
  std::string display_name;    // as tables show it; empty: made from the name ("My method")
  std::filesystem::path root;  // of the source tree
};

/// Writes baselines/NAME.h and .cpp and tests/baselines/NAME_test.cpp, and adds NAME to
/// baselines/CMakeLists.txt, tests/baselines/CMakeLists.txt and experiments/registry.cpp (last: it is what
/// makes the method exist). Everything is checked before anything is written; each file is replaced by atomic
/// rename; after an error all is as before, and after a kill in between the same call completes the work.
/// Returns the changed files, relative to `root`.
///
/// Throws ConfigError for a name that is none (see below), that a method or a file has already, or for a tree
/// in which the places to edit can't be found. A name has 2 to 30 lower-case letters, digits and single
/// underscores, begins with a letter and does not end with an underscore.
std::vector<std::filesystem::path> add_baseline(const NewBaseline& baseline);

}  // namespace totum
