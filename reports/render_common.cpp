#include "reports/render_common.h"

#include <fmt/format.h>

#include "evaluation/metric.h"
#include "reports/sentence.h"

namespace totum::render {

using nlohmann::json;

namespace {

std::string metric_of(const json& table) { return table.at("metric"); }

}  // namespace

std::vector<json> shown_cells(const json& table) {
  std::vector<json> cells;
  for (const json& cell : table.at("cells")) {
    if (cell.at("shown").get<bool>()) cells.push_back(cell);
  }
  return cells;
}

json value_of(const json& table, const std::string& cell, const std::string& entry) {
  for (const json& value : table.at("values")) {
    if (value.at("cell") == cell && value.at("entry") == entry) return value;
  }
  return nullptr;
}

json test_of(const json& table, const std::string& cell, const std::string& entry) {
  for (const json& test : table.at("tests").at("results")) {
    if (test.at("cell") == cell && test.at("entry") == entry) return test;
  }
  return nullptr;
}

std::string label_of(const json& table, const char* list, const std::string& id) {
  for (const json& item : table.at(list)) {
    if (item.at("id") == id) return item.at("label");
  }
  return id;
}

json entry_of(const json& table, const std::string& id) {
  for (const json& entry : table.at("entries")) {
    if (entry.at("id") == id) return entry;
  }
  return nullptr;
}

bool is_marked(const json& entry) { return !entry.at("remark").get<std::string>().empty(); }

std::vector<std::string> footnotes(const json& table) {
  std::vector<std::string> notes;
  for (const json& entry : table.at("entries")) {
    const bool compared = entry.at("compared");
    if (!is_marked(entry) && compared) continue;
    std::string text = entry.at("label");
    if (is_marked(entry)) text += ": " + entry.at("remark").get<std::string>();
    if (!compared) text += "; has no part in \"best\", rankings and tests";
    notes.push_back(text + ".");
  }
  return notes;
}

std::string counted(std::int64_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string percent(double fraction) {
  const std::string text = fmt::format("{:.1f}", 100 * fraction);
  return text == "-0.0" ? "0.0" : text;
}

std::string percent(const json& table, double value) {
  return is_fraction(metric_of(table)) ? percent(value) : fmt::format("{:.2f}", value);
}

std::string interval_text(const json& table, const json& interval) {
  if (interval.is_null()) return "–";
  return fmt::format("{} to {}", percent(table, interval[0]), percent(table, interval[1]));
}

std::string mean_and_sd(const json& table, const json& value) {
  const std::string mean = percent(table, value.at("mean"));
  return value.at("sd").is_null() ? mean : mean + " ± " + percent(table, value.at("sd"));
}

std::string metric_with_unit(const json& table) {
  return fmt::format("{} in {}", metric_name(metric_of(table)),
                     is_fraction(metric_of(table)) ? "percent" : find_metric(metric_of(table))->unit);
}

std::string points(const json& table) {
  const std::string id = metric_of(table);
  return is_fraction(id) ? fmt::format("{} points", metric_name(id))
                         : fmt::format("{} of {}", find_metric(id)->unit, metric_name(id));
}

std::string tested_mean(const json& table) {
  return table.at("tests").at("pairs") == "pooled" ? "pooled mean, by a test of patients"
                                                   : "mean over patients";
}

std::string best_is(const json& table) { return higher_is_better(metric_of(table)) ? "highest" : "lowest"; }

std::string interval_text(const json& interval) {
  if (interval.is_null()) return "–";
  return fmt::format("{} to {}", percent(interval[0]), percent(interval[1]));
}

std::string mean_and_sd(const json& value) {
  const std::string mean = percent(value.at("mean"));
  return value.at("sd").is_null() ? mean : mean + " ± " + percent(value.at("sd"));
}

std::string missed_text(const json& value) {
  if (value.is_null() || value.at("missed") == 0) return "";
  return fmt::format(" ({} missed)", value.at("missed").get<std::int64_t>());
}

bool has_mean(const json& value) { return !value.is_null() && value.contains("mean"); }

bool is_best(const json& table, const std::string& cell, const std::string& entry) {
  const json value = value_of(table, cell, entry);
  return has_mean(value) && value.at("standing") == "best";
}

bool is_significant(const json& table, const std::string& cell, const std::string& entry) {
  const json test = test_of(table, cell, entry);
  return !test.is_null() && (test.at("verdict") == "better" || test.at("verdict") == "worse");
}

std::string test_marks(const json& table, const std::string& cell, const std::string& entry,
                       const std::string& mean) {
  const json test = test_of(table, cell, entry);
  if (test.is_null()) return "";
  std::string marks = is_significant(table, cell, entry) ? "*" : "";
  if (test.at("verdict").get<std::string>().find("in most patients") != std::string::npos) marks += "‡";
  for (const json& name : test.at("contradicted_by")) marks += name == mean ? "§" : "";
  return marks;
}

std::string verdict_text(const json& test) {
  const std::string verdict = test.at("verdict");
  const std::string reason = test.at("reason");
  if (verdict == "identical") return reason;
  return reason.empty() ? verdict : fmt::format("{}: {}", verdict, reason);
}

std::string correction_name(const json& table) {
  return totum::correction_name(table.at("tests").at("correction").get<std::string>());
}

std::string paper_verdict(const json& value) {
  if (value.is_null() || !value.contains("paper")) return "";
  const json& paper = value.at("paper");
  const std::string verdict = paper.at("verdict");
  if (verdict == "not comparable")
    return fmt::format("not comparable: {}", paper.at("why").get<std::string>());
  return verdict == "inside" ? "inside our 95 % interval" : "ours " + verdict;
}

}  // namespace totum::render
