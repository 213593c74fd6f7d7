#include "reports/markdown_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace totum::markdown {

std::string plain(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      out += ' ';
      continue;
    }
    if (c == '|' || c == '*' || c == '`' || c == '<' || c == '\\' || c == '[') out += '\\';
    out += c;
  }
  return out;
}
std::string plain(const nlohmann::json& text) { return plain(text.get<std::string>()); }

std::string row(const std::vector<std::string>& fields) {
  return fmt::format("| {} |\n", fmt::join(fields, " | "));
}

std::string header(const std::vector<std::string>& fields) {
  return row(fields) + row(std::vector<std::string>(fields.size(), "---"));
}

}  // namespace totum::markdown
