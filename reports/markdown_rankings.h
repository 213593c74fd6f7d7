#pragma once
// Rankings and power in a Markdown report. Internal to reports/.

#include <nlohmann/json.hpp>
#include <string>

namespace totum::markdown {

/// The order of the entries under each scheme with rank intervals, and for each cell what is known about it.
std::string ranking_section(const nlohmann::json& table);
/// What each test could find, and how many patients it would need.
std::string power_section(const nlohmann::json& table);

}  // namespace totum::markdown
