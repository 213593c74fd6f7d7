#include <fmt/format.h>

#include <algorithm>

#include "reports/render.h"
#include "reports/render_common.h"

namespace totum {

namespace {

using nlohmann::json;
using namespace render;

std::string cell_text(const json& table, const std::string& cell, const std::string& entry) {
  const json value = value_of(table, cell, entry);
  if (!has_mean(value)) return "–" + missed_text(value);
  const std::string marks = test_marks(table, cell, entry, "pooled mean");
  return mean_and_sd(table, value) + (marks.empty() ? " " : marks) + missed_text(value);
}

std::string row_label(const json& entry) {
  return entry.at("label").get<std::string>() + (is_marked(entry) ? " †" : "");
}

}  // namespace

std::string render_text_table(const json& table) {
  const auto cells = shown_cells(table);
  std::size_t width = 6;
  for (const json& entry : table.at("entries"))
    width = std::max(width, entry.at("label").get<std::string>().size() + (is_marked(entry) ? 2 : 0));
  std::string text = fmt::format("{}: {}\n{:<{}}", table.at("name").get<std::string>(),
                                 table.at("title").get<std::string>(), "", width);
  for (const json& cell : cells) text += fmt::format("  {:>14}", cell.at("label").get<std::string>());
  text += "\n";
  for (const json& entry : table.at("entries")) {
    text += fmt::format("{:<{}}", row_label(entry), width);
    for (const json& cell : cells)
      text += fmt::format("  {:>14}", cell_text(table, cell.at("id"), entry.at("id")));
    text += "\n";
  }
  text += fmt::format(
      "{}, pooled mean ± sd over all (case, organ) pairs, as in the paper; *: significantly different "
      "from {} in the {}\n",
      metric_with_unit(table), label_of(table, "entries", table.at("tests").at("reference")),
      tested_mean(table));
  for (const json& note : table.at("notes")) {
    const std::string words = note;
    if (words.starts_with("§") || words.starts_with("‡")) text += words + "\n";
  }
  for (const std::string& note : footnotes(table)) text += fmt::format("† {}\n", note);
  return text;
}

}  // namespace totum
