#pragma once
// The JSON files of the parity fixtures. The folder comes from TOTUM_PARITY_DIR.

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace totum::parity {

inline std::filesystem::path folder() {
  const char* given = std::getenv("TOTUM_PARITY_DIR");
  return given != nullptr && *given != '\0' ? given : TOTUM_SOURCE_DIR "/tests/parity/fixtures";
}

inline nlohmann::json load(const std::string& file) {
  std::ifstream stream(folder() / file);
  return nlohmann::json::parse(stream);
}

inline nlohmann::json tolerance_of(const std::string& fixture) {
  const nlohmann::json index = load("index.json");
  for (const auto& entry : index.at("fixtures")) {
    if (entry.at("name") == fixture) return entry.at("tolerance");
  }
  throw std::runtime_error("no fixture " + fixture);
}

/// A list in which NaN and infinities are the strings "nan", "inf", "-inf".
inline std::vector<double> numbers(const nlohmann::json& list) {
  std::vector<double> values;
  for (const auto& v : list) {
    values.push_back(v.is_number() ? v.get<double>()
                     : v == "nan"  ? std::nan("")
                                   : (v == "-inf" ? -1 : 1) * std::numeric_limits<double>::infinity());
  }
  return values;
}

}  // namespace totum::parity
