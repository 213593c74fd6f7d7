#include "reports/table_tests.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "core/random.h"
#include "evaluation/comparison.h"
#include "evaluation/corrections.h"
#include "evaluation/metric.h"
#include "reports/sentence.h"
#include "reports/test_power.h"

namespace totum {

namespace {

using nlohmann::json;

struct MadeTest {
  const TableCell* cell;
  const TableEntry* entry;
  PairedComparison comparison;
  std::vector<PrintedMeans> printed;  // of the reference and of the entry
};

// null for fewer than two patients, or without spread
json to_json(const std::optional<Interval>& interval) {
  return interval ? json::array({interval->low, interval->high}) : json();
}

bool is_pooled(const TableContext& context) { return context.table.tests.pairs == "pooled"; }

ComparisonOptions comparison_options(const TableContext& context, const TableCell& cell,
                                     const TableEntry& entry) {
  const TableTests& tests = context.table.tests;
  ComparisonOptions options;
  options.pooled = is_pooled(context);
  options.test.zeros = tests.zeros;
  options.test.alternative = tests.alternative;
  options.test.tie_tolerance = tests.tie_tolerance;
  options.equivalence_margin = tests.equivalence_margin;
  options.resamples = context.options.resamples;
  options.seed = derive_seed(context.options.seed, context.table.name + "/" + cell.id + "/" + entry.id);
  options.threads = context.options.threads;
  return options;
}

// The patients of each part of a cell, paired between the reference and another entry.
std::vector<PairedValues> paired(const TableContext& context, const TableCell& cell,
                                 const TableEntry& entry) {
  const std::string& reference = context.table.tests.reference;
  const auto ours = context.parts_of(cell, context.scores_of(reference));
  const auto theirs = context.parts_of(cell, context.scores_of(entry.id));
  std::vector<PairedValues> parts;
  // All have the same rows (TableContext); a patient of whom one has no value is a counted hole.
  constexpr bool kGoOn = true;
  for (std::size_t part = 0; part < ours.size(); ++part)
    parts.push_back(pair_patients(ours[part], theirs[part], is_pooled(context), kGoOn));
  return parts;
}

// Why the reference and an entry can't be compared in a cell; empty if they can.
std::string obstacle(const TableContext& context, const TableEntry& entry,
                     const std::vector<PairedValues>& parts) {
  const std::string& reference = context.table.tests.reference;
  for (const std::string& id : {reference, entry.id}) {
    if (context.runs_of(id).empty()) return fmt::format("no run of {} has scores", id);
  }
  const bool has_hole =
      std::any_of(parts.begin(), parts.end(), [](const PairedValues& part) { return part.a.empty(); });
  if (!has_hole) return "";
  return parts.size() > 1 ? "no patient of one of its parts has a score from both"
                          : "no patient has a score from both";
}

std::vector<MadeTest> make_tests(const TableContext& context, json& skipped) {
  std::vector<MadeTest> made;
  for (const TableCell& cell : context.table.cells) {
    if (!cell.shown) continue;
    for (const TableEntry& entry : context.table.entries) {
      const std::string& reference = context.table.tests.reference;
      if (entry.id == reference || !context.is_compared(entry)) continue;
      const bool both = !context.runs_of(reference).empty() && !context.runs_of(entry.id).empty();
      const auto parts = both ? paired(context, cell, entry) : std::vector<PairedValues>{};
      if (const std::string why = obstacle(context, entry, parts); !why.empty()) {
        skipped.push_back({{"cell", cell.id}, {"entry", entry.id}, {"why", why}});
        continue;
      }
      made.push_back({&cell,
                      &entry,
                      compare(parts, comparison_options(context, cell, entry)),
                      {*printed_means(context.parts_of(cell, context.scores_of(reference))),
                       *printed_means(context.parts_of(cell, context.scores_of(entry.id)))}});
    }
  }
  return made;
}

json numbers_of(const PairedComparison& c) {
  const bool has_spread = c.patients > 1 && c.spread == Spread::varying;
  const HodgesLehmann& walsh = c.hodges_lehmann;
  return {{"pairs", c.pairs},
          {"patients", c.patients},
          {"patients_that_differ", c.patients_that_differ},
          {"patients_left_out", c.patients_left_out},
          {"spread", to_string(c.spread)},
          {"zeros", c.test.zeros},
          {"ties", c.test.ties},
          {"organ_values_left_out", c.organs_left_out},
          {"statistic", c.test.statistic},
          {"w_plus", c.test.w_plus},
          {"w_minus", c.test.w_minus},
          {"distribution", c.test.exact ? "exact" : "normal"},
          {"decided_by", to_string(c.decided_by)},
          {"deciding_statistic", c.deciding_statistic},
          {"deciding_distribution", c.is_exact                           ? "exact"
                                    : c.decided_by == Decider::sign_flip ? "random flips"
                                                                         : "normal"},
          {"p", c.p},
          {"p_signed_rank", c.test.p_value},
          {"p_by_zero_rule", {{"pratt", c.p_pratt}, {"wilcox", c.p_wilcox}, {"zsplit", c.p_zsplit}}},
          {"p_sign_flip", c.p_sign_flip},
          {"p_sign_flip_plain", c.p_sign_flip_plain},
          {"p_sign_test", c.p_sign_test},
          {"p_equivalence", c.p_equivalence},
          {"fewest_patients", c.fewest_patients},
          {"failures_not_excluded", failures_not_excluded(c.fewest_patients)},
          {"smallest_p", c.smallest_p},
          {"mean_difference", c.mean_difference},
          {"ci95", to_json(c.leading)},
          {"ci95_by", !c.leading                                  ? "none"
                      : c.fewest_patients < kPatientsForBootstrap ? "t"
                                                                  : "bca"},
          {"t95", to_json(c.t)},
          {"bca95", to_json(c.bca)},
          {"hodges_lehmann", walsh.estimate},
          {"hodges_lehmann_interval", has_spread ? json::array({walsh.low, walsh.high}) : json()},
          {"hodges_lehmann_confidence", has_spread ? json(walsh.confidence) : json()},
          {"rank_biserial", c.rank_biserial},
          {"wins", c.count.wins},
          {"ties_in_outcome", c.count.ties},
          {"losses", c.count.losses}};
}

// Differences are those of the metric; "better" and "worse" speak of the method.
Verdict verdict_of(const PairedComparison& comparison, const AdjustedP& adjusted, const TableSpec& table) {
  const Verdict verdict = judge(comparison, adjusted, table.tests.alpha);
  if (higher_is_better(table.metric)) return verdict;
  switch (verdict) {
    case Verdict::better:
      return Verdict::worse;
    case Verdict::worse:
      return Verdict::better;
    case Verdict::better_in_most:
      return Verdict::worse_in_most;
    case Verdict::worse_in_most:
      return Verdict::better_in_most;
    default:
      return verdict;
  }
}

// What the test is about, which need not be a mean that the table prints.
std::string estimand_of(const TableContext& context, const TableCell& cell) {
  const std::string of_cell = is_pooled(context) ? "pooled mean over (case, organ) pairs"
                                                 : "mean over patients of each one's mean over organs";
  return cell.mean_of.empty() ? of_cell : of_cell + ", averaged over the cells";
}

// The printed means whose differences have another sign than the tested one, or than the verdict.
json contradicted_by(const MadeTest& made, const Verdict verdict) {
  const bool is_significant = verdict == Verdict::better || verdict == Verdict::worse ||
                              verdict == Verdict::better_in_most || verdict == Verdict::worse_in_most;
  constexpr double kNothing = 1e-9;
  const auto is_against = [&](double printed) {
    if (std::abs(printed) <= kNothing) return false;
    const double tested =
        std::abs(made.comparison.mean_difference) > kNothing ? made.comparison.mean_difference : 0;
    return printed * tested < 0 || (is_significant && printed * made.comparison.favours < 0);
  };
  json names = json::array();
  if (is_against(made.printed[0].pooled - made.printed[1].pooled)) names.push_back("pooled mean");
  if (is_against(made.printed[0].over_organs - made.printed[1].over_organs))
    names.push_back("mean over organs");
  return names;
}

json test_json(const TableContext& context, const MadeTest& made, const AdjustedP& adjusted,
               std::size_t family) {
  const TableSpec& table = context.table;
  json out = numbers_of(made.comparison);
  out["cell"] = made.cell->id;
  out["entry"] = made.entry->id;
  out["p_adjusted"] = adjusted.difference;
  out["smallest_p_adjusted"] = adjusted.smallest;
  out["p_equivalence_adjusted"] = adjusted.equivalence;
  out["reachable"] = adjusted.smallest < table.tests.alpha;
  if (!higher_is_better(table.metric)) std::swap(out["wins"], out["losses"]);
  out["power"] = power_json(made.comparison, table.tests, family,
                            comparison_options(context, *made.cell, *made.entry).seed);
  const Verdict verdict = verdict_of(made.comparison, adjusted, table);
  out["verdict"] = to_string(verdict);
  out["may_be_equivalent"] = made.comparison.may_be_equivalent;
  out["mean_goes_along"] = made.comparison.mean_goes_along;
  out["estimand"] = estimand_of(context, *made.cell);
  out["pooled_mean_difference"] = made.printed[0].pooled - made.printed[1].pooled;
  out["mean_over_organs_difference"] = made.printed[0].over_organs - made.printed[1].over_organs;
  out["contradicted_by"] = contradicted_by(made, verdict);
  out["reason"] = verdict_reason(out);
  out["sentence"] = comparison_sentence(out, context.label_of(table.tests.reference), made.entry->label,
                                        made.cell->label, table);
  return out;
}

std::string pairs_note(const TableContext& context) {
  std::string note =
      is_pooled(context)
          ? "one pair for each patient and organ: pairs are not independent, so that the signed-rank "
            "test of them calls far too much significant; the sign-flip test of patients decides, "
            "and the signed-rank p stands beside it"
          : "one pair for each patient: the mean over the organs of the cell that both "
            "methods were scored on";
  if (context.input.intersect) note += "; only cases and organs that all entries were scored on";
  const bool has_mean_of = std::any_of(context.table.cells.begin(), context.table.cells.end(),
                                       [](const TableCell& c) { return c.shown && !c.mean_of.empty(); });
  if (has_mean_of) {
    note +=
        "; a cell that is the mean of several: the difference, its intervals, equivalence, sign flips, the "
        "rank-biserial correlation and the deciding test weigh these cells alike, whatever their numbers of "
        "patients, as the cell itself does; the Hodges-Lehmann difference and the wins take the pairs of all "
        "of "
        "them together";
  }
  return note;
}

std::string family_text(const TableContext& context, std::size_t made, std::size_t skipped) {
  const std::size_t all = made + skipped;
  std::string text =
      all == 1 ? "the only test of this table" : fmt::format("all {} tests of this table", all);
  std::vector<std::string> outside;
  for (const TableEntry& entry : context.table.entries) {
    if (!context.is_compared(entry)) outside.push_back(entry.label);
  }
  if (!outside.empty()) text += fmt::format(" (without {}: not compared)", fmt::join(outside, ", "));
  if (skipped > 0) text += fmt::format(", {} of them not made and counted with p = 1", skipped);
  return text;
}

// The family was declared before there were scores: a test that can't be made stays in it, with p = 1.
std::vector<AdjustedP> adjusted_over_family(const TableTests& tests, const std::vector<MadeTest>& made,
                                            std::size_t skipped) {
  const auto adjusted = [&](auto p_of) {
    std::vector<double> p;
    for (const MadeTest& test : made) p.push_back(p_of(test.comparison));
    p.resize(made.size() + skipped, 1.0);
    return adjusted_p(tests.correction, p);
  };
  const auto difference = adjusted([](const PairedComparison& c) { return c.p; });
  const auto smallest = adjusted([](const PairedComparison& c) { return c.smallest_p; });
  const auto equivalence = adjusted([](const PairedComparison& c) { return c.p_equivalence; });
  std::vector<AdjustedP> all;
  for (std::size_t i = 0; i < made.size(); ++i) all.push_back({difference[i], smallest[i], equivalence[i]});
  return all;
}

}  // namespace

json table_tests(const TableContext& context) {
  const TableTests& tests = context.table.tests;
  json skipped = json::array();
  const std::vector<MadeTest> made = make_tests(context, skipped);
  const std::vector<AdjustedP> adjusted = adjusted_over_family(tests, made, skipped.size());
  json results = json::array();
  const std::size_t family = made.size() + skipped.size();
  for (std::size_t i = 0; i < made.size(); ++i)
    results.push_back(test_json(context, made[i], adjusted[i], family));
  return {{"reference", tests.reference},
          {"test", is_pooled(context) ? "sign-flip of patients" : "Wilcoxon signed-rank"},
          {"pairs", tests.pairs},
          {"pairs_note", pairs_note(context)},
          {"zeros", to_string(tests.zeros)},
          {"alternative", to_string(tests.alternative)},
          {"tie_tolerance", tests.tie_tolerance},
          {"correction", tests.correction},
          {"family", family_text(context, made.size(), skipped.size())},
          {"alpha", tests.alpha},
          {"equivalence_margin", tests.equivalence_margin},
          {"wanted_power", kWantedPower},
          {"power_alpha", tests.alpha / static_cast<double>(std::max<std::size_t>(family, 1))},
          {"results", results},
          {"skipped", skipped}};
}

}  // namespace totum
