#pragma once
// A method's state as a safetensors file: made from Method::visit_state alone, readable from Python, no code
// inside.

#include <filesystem>
#include <map>
#include <string>

#include "methods/method.h"

namespace totum {

/// What of a method's state is saved or loaded.
struct StateSelection {
  std::string prefix;      // only names that begin so; empty: all
  bool optimisers = true;  // with optimiser state and rows (a checkpoint) or without (weights for prediction)
};

/// Writes by atomic rename. Tensors keep their names; counters are I64 scalars; Adam's moments are
/// "NAME#j.exp_avg", "NAME#j.exp_avg_sq", "NAME#j.step" for its parameter number j.
void save_state(Method& method, const std::filesystem::path& path,
                const std::map<std::string, std::string>& metadata, const StateSelection& selection = {});

/// Loads in place and returns the metadata. Throws DataError if the file is damaged, if a selected tensor is
/// missing or has another shape, or if the file holds one that the method does not know; nothing is changed
/// then.
std::map<std::string, std::string> load_state(Method& method, const std::filesystem::path& path,
                                              const StateSelection& selection = {});

}  // namespace totum
