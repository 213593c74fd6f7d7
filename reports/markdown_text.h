#pragma once
// The pieces that a Markdown report is written from. Internal to reports/.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace totum::markdown {

/// Text that stands for itself in a Markdown table.
std::string plain(const std::string& text);
std::string plain(const nlohmann::json& text);
/// One line of a table; the first one with the rule under it.
std::string row(const std::vector<std::string>& fields);
std::string header(const std::vector<std::string>& fields);

}  // namespace totum::markdown
