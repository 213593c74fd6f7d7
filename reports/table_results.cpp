#include "reports/table_results.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "evaluation/metric.h"
#include "reports/declaration.h"
#include "reports/table_context.h"
#include "reports/table_rankings.h"
#include "reports/table_tests.h"
#include "reports/table_values.h"

namespace totum {

namespace {

using nlohmann::json;

constexpr std::int64_t kPatientsForBootstrap = 50;

json entries(const TableContext& context) {
  json list = json::array();
  for (const TableEntry& entry : context.table.entries) {
    json seeds = json::array();
    for (const ReportRun* run : context.runs_of(entry.id)) seeds.push_back(run->seed);
    const json traits = context.traits_of(entry.id);
    list.push_back({{"id", entry.id},
                    {"of_paper", traits.value("of_paper", true)},
                    {"supervision", traits.value("supervision", "partial")},
                    {"remark", traits.value("remark", "")},
                    {"compared", context.is_compared(entry)},
                    {"method", entry.method},
                    {"label", entry.label},
                    {"options", entry.options},
                    {"paper_method", entry.paper_method},
                    {"seeds", seeds}});
  }
  return list;
}

json cells(const TableSpec& table) {
  json list = json::array();
  for (const TableCell& cell : table.cells) {
    list.push_back(
        {{"id", cell.id}, {"label", cell.label}, {"shown", cell.shown}, {"mean_of", cell.mean_of}});
  }
  return list;
}

// What a reader of this table must know before believing it.
json notes(const TableContext& context, const json& values, const json& tests) {
  json list = json::array();
  if (!context.cases_left_out().empty()) {
    list.push_back(
        fmt::format("Only cases that all entries were scored on count (--intersect); left out: {}.",
                    fmt::join(context.cases_left_out(), ", ")));
  }
  std::int64_t fewest = kPatientsForBootstrap;
  std::int64_t holes = 0;
  std::int64_t hallucinations = 0;
  for (const json& value : values) {
    if (!value.contains("patients")) continue;
    fewest = std::min(fewest, value.at("patients").get<std::int64_t>());
    holes += value.at("not_scored").get<std::int64_t>();
    hallucinations += value.at("hallucinations").get<std::int64_t>();
  }
  if (fewest < kPatientsForBootstrap) {
    list.push_back(fmt::format(
        "Bootstrap intervals from fewer than {} patients (here down to {}) tend to be too narrow; "
        "compare them with the t intervals.",
        kPatientsForBootstrap, fewest));
  }
  if (std::any_of(values.begin(), values.end(),
                  [](const json& value) { return value.contains("bca95") && value.at("bca95").is_null(); })) {
    list.push_back(
        "There is no interval where a cell, or a part of a mean of cells, has fewer than two patients.");
  }
  if (holes > 0) {
    list.push_back(
        "Organs that the reference of a case lacks count for no method; these (case, organ) pairs are \"not "
        "scored\".");
  }
  if (hallucinations > 0) {
    list.push_back(
        "Hallucinations: predictions of an organ that the reference of the case lacks, over all seeds. They "
        "are part of no "
        "mean.");
  }
  if (std::any_of(tests.at("results").begin(), tests.at("results").end(),
                  [](const json& test) { return !test.at("reachable").get<bool>(); })) {
    list.push_back(
        "Tests marked unreachable could not have become significant with this many pairs, whatever the "
        "scores.");
  }
  return list;
}

}  // namespace

json table_results(const TableSpec& table, const ReportInput& input, const PublishedNumbers& published,
                   const ReportOptions& options) {
  const TableContext context(table, input, published, options);
  const json values = table_values(context);
  const json tests = table_tests(context);
  return {{"declared", to_json(table)},
          {"declaration", table_declaration(table, input)},
          {"name", table.name},
          {"title", table.title},
          {"metric", table.metric},
          {"unit", is_fraction(table.metric) ? "" : find_metric(table.metric)->unit},
          {"grid", table.grid},
          {"paper_table", table.paper_table},
          {"entries", entries(context)},
          {"cells", cells(table)},
          {"cases_left_out", context.cases_left_out()},
          {"values", values},
          {"rankings", table_rankings(context)},
          {"tests", tests},
          {"organs", table_organs(context)},
          {"patients", table_patients(context)},
          {"notes", notes(context, values, tests)}};
}

}  // namespace totum
