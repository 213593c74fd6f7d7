#include "reports/table_tests.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"
#include "core/random.h"
#include "evaluation/comparison.h"
#include "evaluation/corrections.h"
#include "reports/sentence.h"

namespace totum {

namespace {

using nlohmann::json;

struct MadeTest {
  const TableCell* cell;
  const TableEntry* entry;
  PairedComparison comparison;
};

json to_json(const Interval& interval) { return json::array({interval.low, interval.high}); }

bool is_pooled(const TableContext& context) { return context.table.tests.pairs == "pooled"; }

ComparisonOptions comparison_options(const TableContext& context, const TableCell& cell,
                                     const TableEntry& entry) {
  const TableTests& tests = context.table.tests;
  ComparisonOptions options;
  options.test.zeros = tests.zeros;
  options.test.alternative = tests.alternative;
  options.test.tie_tolerance = tests.tie_tolerance;
  options.equivalence_margin = tests.equivalence_margin;
  options.resamples = context.options.resamples;
  options.seed = derive_seed(context.options.seed, context.table.name + "/" + cell.id + "/" + entry.id);
  options.threads = context.options.threads;
  return options;
}

// The patients of all parts of a cell, paired between the reference and another entry.
PairedValues paired(const TableContext& context, const TableCell& cell, const TableEntry& entry) {
  const std::string& reference = context.table.tests.reference;
  const auto ours = context.parts_of(cell, context.scores_of(reference));
  const auto theirs = context.parts_of(cell, context.scores_of(entry.id));
  PairedValues all;
  for (std::size_t part = 0; part < ours.size(); ++part) {
    try {
      const PairedValues values =
          pair_patients(ours[part], theirs[part], is_pooled(context), context.input.intersect);
      all.case_ids.insert(all.case_ids.end(), values.case_ids.begin(), values.case_ids.end());
      all.a.insert(all.a.end(), values.a.begin(), values.a.end());
      all.b.insert(all.b.end(), values.b.begin(), values.b.end());
      all.organs_left_out += values.organs_left_out;
      all.patients_left_out += values.patients_left_out;
    } catch (const DataError& error) {  // say which methods and which cell
      throw DataError(fmt::format("{}, cell {}, {} (first) and {} (second): {}", context.table.name, cell.id,
                                  reference, entry.id, error.what()),
                      true);
    }
  }
  return all;
}

// Why the reference and an entry can't be compared in a cell; empty if they can.
std::string obstacle(const TableContext& context, const TableEntry& entry, const PairedValues& values) {
  const std::string& reference = context.table.tests.reference;
  for (const std::string& id : {reference, entry.id}) {
    if (context.runs_of(id).empty()) return fmt::format("no run of {} has scores", id);
  }
  return values.a.empty() ? "no patient has a score from both" : "";
}

std::vector<MadeTest> make_tests(const TableContext& context, json& skipped) {
  std::vector<MadeTest> made;
  for (const TableCell& cell : context.table.cells) {
    if (!cell.shown) continue;
    for (const TableEntry& entry : context.table.entries) {
      const std::string& reference = context.table.tests.reference;
      if (entry.id == reference || !context.is_compared(entry)) continue;
      const bool both = !context.runs_of(reference).empty() && !context.runs_of(entry.id).empty();
      const PairedValues values = both ? paired(context, cell, entry) : PairedValues{};
      if (const std::string why = obstacle(context, entry, values); !why.empty()) {
        skipped.push_back({{"cell", cell.id}, {"entry", entry.id}, {"why", why}});
        continue;
      }
      made.push_back({&cell, &entry, compare(values, comparison_options(context, cell, entry))});
    }
  }
  return made;
}

json numbers_of(const PairedComparison& c) {
  return {{"pairs", c.pairs},
          {"patients", c.patients},
          {"patients_left_out", c.patients_left_out},
          {"zeros", c.test.zeros},
          {"ties", c.test.ties},
          {"organ_values_left_out", c.organs_left_out},
          {"statistic", c.test.statistic},
          {"w_plus", c.test.w_plus},
          {"w_minus", c.test.w_minus},
          {"distribution", c.test.exact ? "exact" : "normal"},
          {"p", c.test.p_value},
          {"p_by_zero_rule", {{"pratt", c.p_pratt}, {"wilcox", c.p_wilcox}, {"zsplit", c.p_zsplit}}},
          {"p_sign_flip", c.p_sign_flip},
          {"p_equivalence", c.p_equivalence},
          {"smallest_p", c.smallest_p},
          {"mean_difference", c.mean_difference},
          {"t95", to_json(c.t)},
          {"bca95", to_json(c.bca)},
          {"hodges_lehmann", c.hodges_lehmann.estimate},
          {"hodges_lehmann_interval", json::array({c.hodges_lehmann.low, c.hodges_lehmann.high})},
          {"hodges_lehmann_confidence", c.hodges_lehmann.confidence},
          {"rank_biserial", c.rank_biserial},
          {"wins", c.count.wins},
          {"ties_in_outcome", c.count.ties},
          {"losses", c.count.losses}};
}

json test_json(const TableContext& context, const MadeTest& made, double adjusted, double smallest) {
  const TableSpec& table = context.table;
  json out = numbers_of(made.comparison);
  out["cell"] = made.cell->id;
  out["entry"] = made.entry->id;
  out["p_adjusted"] = adjusted;
  out["smallest_p_adjusted"] = smallest;
  out["reachable"] = smallest < table.tests.alpha;
  out["verdict"] = to_string(judge(made.comparison, adjusted, smallest, table.tests.alpha));
  out["sentence"] = comparison_sentence(out, context.label_of(table.tests.reference), made.entry->label,
                                        made.cell->label, table);
  return out;
}

std::string pairs_note(const TableContext& context) {
  std::string note = is_pooled(context)
                         ? "one pair for each patient and organ: pairs are not independent"
                         : "one pair for each patient: the mean over the organs of the cell that both "
                           "methods were scored on";
  if (context.input.intersect) note += "; only patients that both methods were scored on";
  return note;
}

std::string family_text(const TableContext& context, std::size_t made, std::size_t skipped) {
  std::string text = fmt::format("all {} tests of this table", made + skipped);
  std::vector<std::string> outside;
  for (const TableEntry& entry : context.table.entries) {
    if (!context.is_compared(entry)) outside.push_back(entry.label);
  }
  if (!outside.empty()) text += fmt::format(" (without {}: not compared)", fmt::join(outside, ", "));
  if (skipped > 0) text += fmt::format(", {} of them not made and counted with p = 1", skipped);
  return text;
}

}  // namespace

json table_tests(const TableContext& context) {
  const TableTests& tests = context.table.tests;
  json skipped = json::array();
  const std::vector<MadeTest> made = make_tests(context, skipped);
  std::vector<double> p, smallest;
  for (const MadeTest& test : made) {
    p.push_back(test.comparison.test.p_value);
    smallest.push_back(test.comparison.smallest_p);
  }
  // The family was declared before there were scores: a test that can't be made stays in it, with p = 1.
  p.resize(made.size() + skipped.size(), 1.0);
  smallest.resize(p.size(), 1.0);
  const auto adjust = tests.correction == "holm" ? holm : benjamini_hochberg;
  const auto adjusted = adjust(p);
  const auto smallest_adjusted = adjust(smallest);
  json results = json::array();
  for (std::size_t i = 0; i < made.size(); ++i) {
    results.push_back(test_json(context, made[i], adjusted[i], smallest_adjusted[i]));
  }
  return {{"reference", tests.reference},
          {"test", "Wilcoxon signed-rank"},
          {"pairs", tests.pairs},
          {"pairs_note", pairs_note(context)},
          {"zeros", to_string(tests.zeros)},
          {"alternative", to_string(tests.alternative)},
          {"tie_tolerance", tests.tie_tolerance},
          {"correction", tests.correction},
          {"family", family_text(context, made.size(), skipped.size())},
          {"alpha", tests.alpha},
          {"equivalence_margin", tests.equivalence_margin},
          {"results", results},
          {"skipped", skipped}};
}

}  // namespace totum
