#include "reports/table_results.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "evaluation/metric.h"
#include "reports/declaration.h"
#include "reports/standing.h"
#include "reports/table_context.h"
#include "reports/table_rankings.h"
#include "reports/table_tests.h"
#include "reports/table_values.h"

namespace totum {

namespace {

using nlohmann::json;

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

json pairs_left_out(const TableContext& context) {
  json list = json::array();
  for (const auto& [case_id, organ] : context.pairs_left_out())
    list.push_back({{"case", case_id}, {"organ", organ}});
  return list;
}

// Does the reference of any case lack an organ?
bool has_absent_organs(const TableContext& context) {
  const auto is_absent = [&](const Score& score) {
    return score.metric == context.table.metric && score.grid == context.table.grid && !is_averaged(score);
  };
  return std::any_of(context.table.entries.begin(), context.table.entries.end(),
                     [&](const TableEntry& entry) {
                       const auto& scores = context.scores_of(entry.id);
                       return std::any_of(scores.begin(), scores.end(), is_absent);
                     });
}

// What a reader of this table must know before believing it.
json notes(const TableContext& context, const json& values, const json& tests) {
  json list = json::array();
  if (!context.cases_left_out().empty()) {
    list.push_back(
        fmt::format("Only cases that all entries were scored on count (--intersect); left out: {}.",
                    fmt::join(context.cases_left_out(), ", ")));
  }
  if (!context.pairs_left_out().empty()) {
    list.push_back(
        fmt::format("Only organs that all entries were scored on count (--intersect); left out: {}.",
                    pairs_text(context.pairs_left_out())));
  }
  std::int64_t fewest = kPatientsForBootstrap;
  std::int64_t missed = 0;
  std::int64_t hallucinations = 0;
  for (const json& value : values) {
    missed += value.at("missed").get<std::int64_t>();
    if (!value.contains("patients")) continue;
    fewest = std::min(fewest, value.at("patients").get<std::int64_t>());
    hallucinations += value.at("hallucinations").get<std::int64_t>();
  }
  if (fewest < kPatientsForBootstrap) {
    list.push_back(
        fmt::format("Bootstrap intervals from fewer than {} patients (here down to {}) tend to be too "
                    "narrow: there the t "
                    "intervals stand in tables, sentences and verdicts, and the bootstrap's beside them.",
                    kPatientsForBootstrap, fewest));
  }
  const auto contradicts = [](const json& test) { return !test.at("contradicted_by").empty(); };
  if (std::any_of(tests.at("results").begin(), tests.at("results").end(), contradicts)) {
    list.push_back(
        "§: the mean that is printed here and the one that was tested, or the verdict, point to different "
        "methods; "
        "the sentence of the test says how.");
  }
  const auto is_in_most = [](const json& test) {
    return test.at("verdict").get<std::string>().find("in most patients") != std::string::npos;
  };
  if (std::any_of(tests.at("results").begin(), tests.at("results").end(), is_in_most)) {
    list.push_back(
        "‡: better or worse in most patients by the signed-rank test, but the mean difference has the other "
        "sign or a "
        "t interval that covers zero.");
  }
  if (std::any_of(values.begin(), values.end(),
                  [](const json& value) { return value.contains("bca95") && value.at("bca95").is_null(); })) {
    list.push_back(
        "There is no interval where a cell, or a part of a mean of cells, has fewer than two patients.");
  }
  if (has_absent_organs(context)) {
    list.push_back(
        "Organs that the reference of a case lacks count for no method; these (case, organ) pairs are among "
        "the \"not scored\".");
  }
  if (missed > 0) {
    list.push_back(
        "Missed: organs of the reference for which a method has no value, over all seeds, as where a policy "
        "skips "
        "organs that were not found. The mean beside such a number leaves them out, so it is neither best "
        "nor to be "
        "compared with the others'; tests and rankings take the pairs that have a value from all.");
  }
  if (hallucinations > 0) {
    list.push_back(
        "Hallucinations: predictions of an organ that the reference of the case lacks, over all seeds. They "
        "are part of no "
        "mean.");
  }
  if (std::any_of(tests.at("results").begin(), tests.at("results").end(),
                  [](const json& test) { return test.at("verdict") == "unreachable"; })) {
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
  json values = table_values(context);
  const json tests = table_tests(context);
  add_standings(values, context, tests);
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
          {"pairs_left_out", pairs_left_out(context)},
          {"values", values},
          {"rankings", table_rankings(context)},
          {"tests", tests},
          {"organs", table_organs(context)},
          {"patients", table_patients(context)},
          {"notes", notes(context, values, tests)}};
}

}  // namespace totum
