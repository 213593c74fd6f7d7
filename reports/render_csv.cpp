#include <fmt/format.h>
#include <fmt/ranges.h>

#include "reports/ledger.h"
#include "reports/render.h"
#include "reports/render_common.h"

namespace totum {

namespace {

using nlohmann::json;
using namespace render;

// One field: a string is quoted where it must be, a number keeps every digit, a hole is empty.
std::string field(const json& value) {
  if (value.is_null()) return "";
  if (!value.is_string()) return value.dump();
  const std::string text = value;
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

// A column: its name, and where its value stands in a row's document; a hole is an empty field.
struct Column {
  const char* name;
  const char* place;
};

template <std::size_t N>
std::string header(const Column (&columns)[N]) {
  std::vector<std::string> names;
  for (const Column& column : columns) names.emplace_back(column.name);
  return fmt::format("{}\n", fmt::join(names, ","));
}

template <std::size_t N>
std::string row(const Column (&columns)[N], const json& document) {
  std::vector<std::string> fields;
  for (const Column& column : columns) {
    const json::json_pointer place(column.place);
    fields.push_back(document.contains(place) ? field(document.at(place)) : "");
  }
  return fmt::format("{}\n", fmt::join(fields, ","));
}

constexpr Column kValueColumns[] = {{"size", "/size"},
                                    {"table", "/table"},
                                    {"cell", "/cell"},
                                    {"entry", "/entry/id"},
                                    {"label", "/entry/label"},
                                    {"patients", "/value/patients"},
                                    {"values", "/value/values"},
                                    {"not_scored", "/value/not_scored"},
                                    {"missed", "/value/missed"},
                                    {"hallucinations", "/value/hallucinations"},
                                    {"pooled_mean", "/value/mean"},
                                    {"pooled_sd", "/value/sd"},
                                    {"pooled_mean_ci95_low", "/value/ci95/0"},
                                    {"pooled_mean_ci95_high", "/value/ci95/1"},
                                    {"pooled_mean_bca95_low", "/value/bca95/0"},
                                    {"pooled_mean_bca95_high", "/value/bca95/1"},
                                    {"pooled_mean_t95_low", "/value/t95/0"},
                                    {"pooled_mean_t95_high", "/value/t95/1"},
                                    {"mean_over_organs", "/value/mean_over_organs"},
                                    {"mean_over_organs_ci95_low", "/value/ci95_over_organs/0"},
                                    {"mean_over_organs_ci95_high", "/value/ci95_over_organs/1"},
                                    {"mean_over_organs_bca95_low", "/value/bca95_over_organs/0"},
                                    {"mean_over_organs_bca95_high", "/value/bca95_over_organs/1"},
                                    {"mean_over_organs_t95_low", "/value/t95_over_organs/0"},
                                    {"mean_over_organs_t95_high", "/value/t95_over_organs/1"},
                                    {"interval", "/value/interval"},
                                    {"sd_over_seeds", "/value/sd_over_seeds"},
                                    {"p_adjusted", "/test/p_adjusted"},
                                    {"verdict", "/test/verdict"},
                                    {"tested_mean", "/test/estimand"},
                                    {"marks", "/marks"},
                                    {"paper_mean", "/value/paper/mean"},
                                    {"paper_sd", "/value/paper/sd"},
                                    {"against_paper", "/against_paper"},
                                    {"why", "/value/why"},
                                    {"standing", "/value/standing"},
                                    {"compared", "/entry/compared"},
                                    {"remark", "/entry/remark"}};

constexpr Column kTestColumns[] = {{"size", "/size"},
                                   {"table", "/table"},
                                   {"cell", "/test/cell"},
                                   {"reference", "/reference"},
                                   {"entry", "/test/entry"},
                                   {"pairs", "/test/pairs"},
                                   {"patients", "/test/patients"},
                                   {"patients_left_out", "/test/patients_left_out"},
                                   {"zeros", "/test/zeros"},
                                   {"ties", "/test/ties"},
                                   {"statistic", "/test/statistic"},
                                   {"distribution", "/test/distribution"},
                                   {"decided_by", "/test/decided_by"},
                                   {"deciding_statistic", "/test/deciding_statistic"},
                                   {"p", "/test/p"},
                                   {"p_adjusted", "/test/p_adjusted"},
                                   {"p_pratt", "/test/p_by_zero_rule/pratt"},
                                   {"p_wilcox", "/test/p_by_zero_rule/wilcox"},
                                   {"p_zsplit", "/test/p_by_zero_rule/zsplit"},
                                   {"p_signed_rank", "/test/p_signed_rank"},
                                   {"p_sign_flip", "/test/p_sign_flip"},
                                   {"p_sign_flip_plain", "/test/p_sign_flip_plain"},
                                   {"p_sign_test", "/test/p_sign_test"},
                                   {"p_equivalence", "/test/p_equivalence"},
                                   {"p_equivalence_adjusted", "/test/p_equivalence_adjusted"},
                                   {"smallest_p_adjusted", "/test/smallest_p_adjusted"},
                                   {"estimand", "/test/estimand"},
                                   {"mean_difference", "/test/mean_difference"},
                                   {"pooled_mean_difference", "/test/pooled_mean_difference"},
                                   {"mean_over_organs_difference", "/test/mean_over_organs_difference"},
                                   {"ci95_low", "/test/ci95/0"},
                                   {"ci95_high", "/test/ci95/1"},
                                   {"ci95_by", "/test/ci95_by"},
                                   {"bca95_low", "/test/bca95/0"},
                                   {"bca95_high", "/test/bca95/1"},
                                   {"t95_low", "/test/t95/0"},
                                   {"t95_high", "/test/t95/1"},
                                   {"hodges_lehmann", "/test/hodges_lehmann"},
                                   {"hodges_lehmann_low", "/test/hodges_lehmann_interval/0"},
                                   {"hodges_lehmann_high", "/test/hodges_lehmann_interval/1"},
                                   {"rank_biserial", "/test/rank_biserial"},
                                   {"wins", "/test/wins"},
                                   {"ties_in_outcome", "/test/ties_in_outcome"},
                                   {"losses", "/test/losses"},
                                   {"failures_not_excluded", "/test/failures_not_excluded"},
                                   {"power_of", "/test/power/test"},
                                   {"power_now", "/test/power/now"},
                                   {"patients_needed", "/test/power/patients_needed"},
                                   {"verdict", "/test/verdict"},
                                   {"spread", "/test/spread"},
                                   {"reason", "/test/reason"}};

constexpr Column kOrganColumns[] = {{"size", "/size"},
                                    {"table", "/table"},
                                    {"test_modality", "/organ/test_modality"},
                                    {"relation", "/organ/relation"},
                                    {"organ", "/organ/organ"},
                                    {"name", "/organ/name"},
                                    {"entry", "/organ/entry"},
                                    {"patients", "/organ/patients"},
                                    {"missed", "/organ/missed"},
                                    {"mean", "/organ/mean"},
                                    {"remark", "/entry/remark"}};

constexpr Column kRankingColumns[] = {{"size", "/size"},
                                      {"table", "/table"},
                                      {"cell", "/cell"},
                                      {"scheme", "/scheme"},
                                      {"entry", "/place/entry"},
                                      {"value", "/place/value"},
                                      {"rank", "/place/rank"},
                                      {"rank95_low", "/place/rank95/0"},
                                      {"rank95_high", "/place/rank95/1"}};
constexpr Column kLedgerColumns[] = {{"size", "/size"},
                                     {"entry", "/entry/id"},
                                     {"label", "/entry/label"},
                                     {"method", "/entry/method"},
                                     {"runs", "/runs"},
                                     {"patches", "/entry/patches"},
                                     {"iterations", "/entry/iterations"},
                                     {"parameters", "/entry/parameters"},
                                     {"multiply_adds_per_iteration", "/entry/multiply_adds_per_iteration"},
                                     {"multiply_adds", "/entry/multiply_adds"},
                                     {"observed_iterations", "/entry/observed_iterations"},
                                     {"training_s", "/measured/training_s"},
                                     {"prediction_s", "/measured/prediction_s"},
                                     {"peak_memory_bytes", "/measured/peak_memory_bytes"},
                                     {"peak_device_bytes", "/measured/peak_device_bytes"}};

constexpr Column kHyperParameterColumns[] = {{"size", "/size"},
                                             {"entry", "/entry"},
                                             {"name", "/option/name"},
                                             {"value", "/value"},
                                             {"origin", "/option/origin"}};

}  // namespace

std::string render_csv_values(const json& report, const json& table) {
  std::string text = header(kValueColumns);
  for (const json& cell : shown_cells(table)) {
    for (const json& entry : table.at("entries")) {
      const json value = value_of(table, cell.at("id"), entry.at("id"));
      text += row(kValueColumns, {{"size", report.at("size")},
                                  {"table", table.at("name")},
                                  {"cell", cell.at("id")},
                                  {"entry", entry},
                                  {"value", value},
                                  {"test", test_of(table, cell.at("id"), entry.at("id"))},
                                  {"marks", test_marks(table, cell.at("id"), entry.at("id"), "pooled mean")},
                                  {"against_paper", paper_verdict(value)}});
    }
  }
  return text;
}

std::string render_csv_tests(const json& report, const json& table) {
  std::string text = header(kTestColumns);
  const json& tests = table.at("tests");
  for (const json& test : tests.at("results")) {
    text += row(kTestColumns, {{"size", report.at("size")},
                               {"table", table.at("name")},
                               {"reference", tests.at("reference")},
                               {"test", test}});
  }
  return text;
}

std::string render_csv_rankings(const json& report, const json& table) {
  std::string text = header(kRankingColumns);
  for (const json& ranking : table.at("rankings")) {
    for (const json& scheme : ranking.value("schemes", json::array())) {
      for (const json& place : scheme.at("places")) {
        text += row(kRankingColumns, {{"size", report.at("size")},
                                      {"table", table.at("name")},
                                      {"cell", ranking.at("cell")},
                                      {"scheme", scheme.at("scheme")},
                                      {"place", place}});
      }
    }
  }
  return text;
}

std::string render_csv_organs(const json& report, const json& table) {
  std::string text = header(kOrganColumns);
  for (const json& organ : table.at("organs")) {
    text += row(kOrganColumns, {{"size", report.at("size")},
                                {"table", table.at("name")},
                                {"organ", organ},
                                {"entry", entry_of(table, organ.at("entry"))}});
  }
  return text;
}

std::string render_csv_ledger(const json& report) {
  std::string text = header(kLedgerColumns);
  for (const json& entry : report.at("ledger").at("entries")) {
    text += row(kLedgerColumns, {{"size", report.at("size")},
                                 {"entry", entry},
                                 {"runs", entry.at("runs").size()},
                                 {"measured", ledger_measured(report, entry)}});
  }
  return text;
}

std::string render_csv_hyper_parameters(const json& report) {
  std::string text = header(kHyperParameterColumns);
  const auto add = [&](const json& entry, const json& options) {
    for (const json& option : options) {
      text += row(kHyperParameterColumns, {{"size", report.at("size")},
                                           {"entry", entry},
                                           {"option", option},
                                           {"value", option.at("value").dump()}});
    }
  };
  add("", report.at("ledger").at("common"));  // of every method
  for (const json& entry : report.at("ledger").at("entries")) add(entry.at("id"), entry.at("options"));
  return text;
}

}  // namespace totum
