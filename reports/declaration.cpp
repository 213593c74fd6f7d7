#include "reports/declaration.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

#include "core/sha256.h"

namespace totum {

namespace {

using nlohmann::json;

bool has_entry(const TableSpec& table, const std::string& id) {
  return std::any_of(table.entries.begin(), table.entries.end(),
                     [&](const TableEntry& entry) { return entry.id == id; });
}

// What the runs of a table were planned under.
struct Planned {
  std::int64_t runs = 0, with_scores = 0;
  std::int64_t late = 0;            // with scores, and planned without this declaration
  std::int64_t unknown = 0;         // with scores, and planned by a program that kept no declarations
  std::vector<std::string> others;  // other declarations of a table of this name, in the order of planning
};

void count_run(const ReportRun& run, const std::string& table, const std::string& sha256, Planned& planned) {
  ++planned.runs;
  bool is_declared = false;
  for (const json& declared : run.record.value("declared", json::array())) {
    if (declared.value("table", "") != table) continue;
    const std::string found = declared.value("sha256", "");
    is_declared = is_declared || found == sha256;
    if (found != sha256 &&
        std::find(planned.others.begin(), planned.others.end(), found) == planned.others.end())
      planned.others.push_back(found);
  }
  if (!run.scores) return;
  ++planned.with_scores;
  if (!run.record.contains("declared")) {
    ++planned.unknown;
  } else if (!is_declared) {
    ++planned.late;
  }
}

std::string sentence(const std::string& state, const Planned& planned) {
  if (state == "none") return "no declaration: these scores come from files, whose planning is not known";
  if (state == "unknown") {
    return fmt::format("no declaration: {} of {} runs were planned by a program that kept none",
                       planned.unknown, planned.runs);
  }
  std::string text = state == "after"
                         ? fmt::format("declared after {} of {} runs", planned.late, planned.runs)
                         : "declared before there were scores";
  if (!planned.others.empty())
    text +=
        fmt::format("; differs from what was declared under this name: {}", fmt::join(planned.others, ", "));
  return text;
}

}  // namespace

std::string declaration_sha256(const TableSpec& table) {
  const json whole = to_json(table);
  json declared;
  for (const char* key : {"name", "metric", "grid", "cells", "tests"}) declared[key] = whole.at(key);
  for (json& cell : declared["cells"]) {
    for (const char* key : {"label", "shown", "paper"}) cell.erase(key);
  }
  return sha256(std::string_view(declared.dump()));
}

json table_declaration(const TableSpec& table, const ReportInput& input) {
  const std::string sha256 = declaration_sha256(table);
  Planned planned;
  for (const ReportRun& run : input.runs) {
    if (!run.record.is_null() && has_entry(table, run.id)) count_run(run, table.name, sha256, planned);
  }
  const std::string state = planned.runs == 0     ? "none"
                            : planned.late > 0    ? "after"
                            : planned.unknown > 0 ? "unknown"
                                                  : "before";
  return {{"sha256", sha256},     {"state", state},           {"late", planned.late},
          {"runs", planned.runs}, {"others", planned.others}, {"sentence", sentence(state, planned)}};
}

}  // namespace totum
