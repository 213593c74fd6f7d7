#pragma once
// Scores of a run's stored label maps, taken again.

#include <filesystem>
#include <string>

namespace totum {

/// Scores the label maps of RUN/predictions (native geometry) against the reference labels of a dataset in
/// AMOS22's form, with the split that RUN/inputs.json names, and compares with scores.csv to the last bit.
/// Returns the first difference in words; empty if there is none.
std::string rescoring_difference(const std::filesystem::path& run, const std::filesystem::path& data);

}  // namespace totum
