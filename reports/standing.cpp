#include "reports/standing.h"

#include <algorithm>
#include <set>
#include <vector>

#include "evaluation/metric.h"

namespace totum {

namespace {

using nlohmann::json;

// Has the value a mean that may be compared with those of its cell?
bool is_rival(const json& value, const TableContext& context) {
  if (!value.contains("mean") || value.at("missed") != 0) return false;
  return std::any_of(
      context.table.entries.begin(), context.table.entries.end(),
      [&](const TableEntry& entry) { return entry.id == value.at("entry") && context.is_compared(entry); });
}

// Entries of a cell that a test calls worse than another.
std::set<std::string> worse_than_another(const json& tests, const json& cell) {
  std::set<std::string> entries;
  for (const json& test : tests.at("results")) {
    if (test.at("cell") != cell) continue;
    if (test.at("verdict") == "better") entries.insert(test.at("entry"));
    if (test.at("verdict") == "worse") entries.insert(tests.at("reference"));
  }
  return entries;
}

std::string standing(double mean, const std::vector<double>& best_first, std::size_t rivals) {
  if (rivals > 1 && mean == best_first.front()) return "best";
  return rivals > 2 && best_first.size() > 1 && mean == best_first[1] ? "second" : "";
}

}  // namespace

void add_standings(json& values, const TableContext& context, const json& tests) {
  const bool higher = higher_is_better(context.table.metric);
  for (const TableCell& cell : context.table.cells) {
    std::vector<json*> rivals;
    std::vector<double> means;
    for (json& value : values) {
      if (value.at("cell") != cell.id || !value.contains("mean")) continue;
      value["standing"] = "";
      if (!is_rival(value, context)) continue;
      rivals.push_back(&value);
      means.push_back(value.at("mean"));
    }
    std::sort(means.begin(), means.end(), [&](double a, double b) { return higher ? a > b : a < b; });
    means.erase(std::unique(means.begin(), means.end()), means.end());
    const std::set<std::string> worse = worse_than_another(tests, cell.id);
    for (json* value : rivals) {
      const std::string place = standing(value->at("mean"), means, rivals.size());
      const bool is_refuted = place == "best" && worse.contains(value->at("entry").get<std::string>());
      (*value)["standing"] = is_refuted ? "" : place;
    }
  }
}

}  // namespace totum
