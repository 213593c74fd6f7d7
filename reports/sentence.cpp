#include "reports/sentence.h"

#include <fmt/format.h>

#include <cmath>

#include "evaluation/comparison.h"
#include "evaluation/metric.h"

namespace totum {

namespace {

// "= 0.031", "< 0.001"
std::string equal_to(const std::string& p) { return p.starts_with('<') ? p : "= " + p; }

// Fractions are told in points of a percent, other metrics in their unit.
double scale_of(const std::string& metric) { return is_fraction(metric) ? 100 : 1; }
std::string unit_of(const std::string& metric) {
  return is_fraction(metric) ? "points" : std::string(find_metric(metric)->unit);
}

// One decimal, never "-0.0".
std::string decimal(double value) {
  const std::string text = fmt::format("{:.1f}", value);
  return text == "-0.0" ? "0.0" : text;
}

// "12 cases", "1 case"
std::string cases(std::int64_t count) { return fmt::format("{} case{}", count, count == 1 ? "" : "s"); }

std::string interval_text(const nlohmann::json& test, double scale) {
  const nlohmann::json& interval = test.at("ci95");
  if (test.at("spread") == "constant") return "no CI of the difference, which is the same throughout";
  if (interval.is_null()) return "no CI of the difference from fewer than two patients";
  return fmt::format("95 % CI of the difference {} to {}", decimal(scale * interval[0].get<double>()),
                     decimal(scale * interval[1].get<double>()));
}

// "1 Dice point", "2 Dice points", "1 mm"
std::string margin_text(const TableSpec& table) {
  const std::string size = fmt::format("{:g}", scale_of(table.metric) * table.tests.equivalence_margin);
  if (!is_fraction(table.metric)) return fmt::format("{} {}", size, unit_of(table.metric));
  return fmt::format("{} {} {}", size, metric_name(table.metric), size == "1" ? "point" : "points");
}

// p with as many digits as it takes to see on which side of alpha it lies.
std::string p_beside(double p, double alpha) {
  const std::string text = p_text(p);
  const bool looks_small = text.starts_with('<') || std::stod(text) < alpha;
  return looks_small == (p < alpha) ? text : fmt::format("{:.6g}", p);
}

// What shows equivalence: both tests, and what n patients leave open.
std::string equivalence_text(const nlohmann::json& test, const TableSpec& table) {
  const std::int64_t patients = test.at("fewest_patients");
  return fmt::format(
      "equivalent within {} (two one-sided t tests, adjusted p {}, and the 95 % BCa interval within it); "
      "failures in "
      "up to {:.0f} % of patients can't be excluded by {}",
      margin_text(table), equal_to(p_beside(test.at("p_equivalence_adjusted"), table.tests.alpha)),
      100 * test.at("failures_not_excluded").get<double>(), cases(patients));
}

bool shows_equivalence(const nlohmann::json& test, const TableSpec& table) {
  return test.at("p_equivalence_adjusted").get<double>() < table.tests.alpha &&
         test.at("may_be_equivalent").get<bool>();
}

bool is_in_most(const std::string& verdict) { return verdict.find("in most patients") != std::string::npos; }

std::string difference_found(const nlohmann::json& test, const TableSpec& table) {
  const std::string verdict = test.at("verdict");
  std::string text = fmt::format("significantly {} at {:g}", verdict, table.tests.alpha);
  if (is_in_most(verdict)) {
    const double difference = test.at("mean_difference");
    const bool mean_is_better = higher_is_better(table.metric) ? difference > 0 : difference < 0;
    text += mean_is_better == verdict.starts_with("better")
                ? ": by ranks, while the 95 % t interval of the mean difference covers zero"
                : ": by ranks, while the mean difference points the other way";
  }
  if (shows_equivalence(test, table)) text += ", yet " + equivalence_text(test, table);
  return text;
}

std::string conclusion(const nlohmann::json& test, const TableSpec& table) {
  const double alpha = table.tests.alpha;
  const std::string verdict = test.at("verdict");
  if (verdict == "better" || verdict == "worse" || is_in_most(verdict)) return difference_found(test, table);
  if (const std::string reason = verdict_reason(test); !reason.empty())
    return fmt::format("{}: {}", verdict, reason);
  if (verdict == "equivalent") {
    return equivalence_text(test, table);
  }
  if (verdict == "unreachable") {
    const std::int64_t differing = test.at("patients_that_differ");
    return fmt::format("not decidable: {} {} in score, which can't give less than p = {} after correction",
                       cases(differing), differing == 1 ? "differs" : "differ",
                       p_text(test.at("smallest_p_adjusted")));
  }
  if (test.at("p_equivalence_adjusted").get<double>() < alpha) {
    return fmt::format("undecided: two one-sided t tests put the mean difference within {}, but {}",
                       margin_text(table),
                       test.at("fewest_patients") < kPatientsForEquivalence
                           ? fmt::format("{} are too few to have shown rare failures ({} are asked for)",
                                         cases(test.at("fewest_patients")), kPatientsForEquivalence)
                           : "its 95 % BCa interval reaches beyond");
  }
  return table.tests.alternative == Alternative::two_sided
             ? "undecided: neither a difference nor equivalence is shown"
             : "undecided: neither a difference in the tested direction nor equivalence is shown";
}

// "Wilcoxon signed-rank", "weighted Wilcoxon signed-rank, one-sided (greater)"
std::string test_name(const nlohmann::json& test, const TableSpec& table) {
  const std::string by = test.at("decided_by");
  const std::string name = by == "signed-rank"            ? "Wilcoxon signed-rank"
                           : by == "weighted signed-rank" ? "weighted Wilcoxon signed-rank"
                                                          : by;
  const Alternative alternative = table.tests.alternative;
  return alternative == Alternative::two_sided
             ? name
             : fmt::format("{}, one-sided ({})", name, to_string(alternative));
}

// "; p < 0.001 by the signed-rank test of all pairs, which takes them for independent"
std::string pooled_p_text(const nlohmann::json& test) {
  if (test.at("decided_by") != "sign-flip of patients") return "";
  return fmt::format("; p {} by the signed-rank test of all pairs, which wrongly takes them for independent",
                     equal_to(p_text(test.at("p_signed_rank"))));
}

// "1 win", "2 wins"
std::string counted(std::int64_t count, const char* one, const char* many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

// "+7.0 points"
std::string signed_text(double value, const std::string& unit) {
  return fmt::format("{:+.1f} {}", value, unit);
}

// "higher by 2.1 points than", "within 0.1 points of"
std::string relation(double points, const std::string& unit) {
  if (std::abs(points) < 0.05) return fmt::format("within 0.1 {} of", unit);
  return fmt::format("{} by {:.1f} {} than", points > 0 ? "higher" : "lower", std::abs(points), unit);
}

// "; the pooled mean, as printed, points the other way: higher by 7.0 points"
std::string contradiction_text(const nlohmann::json& test, const TableSpec& table) {
  std::string text;
  for (const nlohmann::json& name : test.at("contradicted_by")) {
    const double difference =
        test.at(name == "pooled mean" ? "pooled_mean_difference" : "mean_over_organs_difference");
    text += fmt::format("; the {} of the table points the other way: {}", name.get<std::string>(),
                        signed_text(scale_of(table.metric) * difference, unit_of(table.metric)));
  }
  return text;
}

// The mean that was tested, as a sentence names it.
std::string tested_mean(const nlohmann::json& test, const TableSpec& table) {
  const bool is_averaged = test.at("decided_by") == "weighted signed-rank" ||
                           test.at("estimand").get<std::string>().find("averaged") != std::string::npos;
  const std::string cells = is_averaged ? ", averaged over the cells," : "";
  const std::string metric = metric_name(table.metric);
  return table.tests.pairs == "pooled" ? fmt::format("pooled mean {}{}", metric, cells)
                                       : fmt::format("mean {} over patients{}", metric, cells);
}

// "; 3 (case, organ) values that only one has are left out"; empty where nothing is.
std::string left_out_text(const nlohmann::json& test) {
  const std::int64_t values = test.at("organ_values_left_out");
  const std::int64_t patients = test.at("patients_left_out");
  std::string what =
      values > 0 ? fmt::format("{} (case, organ) value{}", values, values == 1 ? "" : "s") : "";
  if (patients > 0) what += (what.empty() ? "" : " and ") + counted(patients, "case", "cases");
  return what.empty() ? "" : fmt::format("; left out, since only one of them has a score: {}", what);
}

}  // namespace

std::string verdict_reason(const nlohmann::json& test) {
  const std::string verdict = test.at("verdict");
  const std::string patients = cases(test.at("patients"));
  if (verdict == "identical") return fmt::format("identical scores on {}", patients);
  if (test.at("spread") != "constant" || verdict == "better" || verdict == "worse") return "";
  constexpr double kNothing = 1e-9;
  if (std::abs(test.at("mean_difference").get<double>()) > kNothing)
    return fmt::format("the difference has no spread over {}, so that nothing can be tested", patients);
  return test.at("organ_values_left_out") > 0
             ? fmt::format("the scores that both have are equal on {}, but some have no counterpart",
                           patients)
             : fmt::format("the means over organs are equal on {}, though single organs' scores are not",
                           patients);
}

std::string correction_name(const std::string& correction) {
  return correction == "holm" ? "Holm" : correction == "hochberg" ? "Hochberg" : "Benjamini-Hochberg";
}

std::string p_text(double p) {
  if (p < 0.001) return "< 0.001";
  return p < 0.1 ? fmt::format("{:.3g}", p) : fmt::format("{:.3f}", p);
}

std::string p_with_sign(double p) { return equal_to(p_text(p)); }

std::string comparison_sentence(const nlohmann::json& test, const std::string& reference,
                                const std::string& other, const std::string& cell, const TableSpec& table) {
  const std::int64_t count = test.at("pairs");
  const std::string pairs = table.tests.pairs == "pooled"
                                ? fmt::format("{} (case, organ) {} of {}, which are not independent", count,
                                              count == 1 ? "pair" : "pairs", cases(test.at("patients")))
                                : cases(count);
  const double scale = scale_of(table.metric);
  if (test.at("verdict") == "identical") {
    return fmt::format("{}: {} and {} have {} ({}, {}-adjusted p = {:g}).", cell, reference, other,
                       verdict_reason(test), test_name(test, table), correction_name(table.tests.correction),
                       test.at("p_adjusted").get<double>());
  }
  return fmt::format(
      "{}, {}: the {} of {} was {} that of {} ({}; {}, {}-adjusted p {}{}; {}, {}, {}{}); {}{}.", cell, pairs,
      tested_mean(test, table), reference,
      relation(scale * test.at("mean_difference").get<double>(), unit_of(table.metric)), other,
      interval_text(test, scale), test_name(test, table), correction_name(table.tests.correction),
      equal_to(p_beside(test.at("p_adjusted"), table.tests.alpha)), pooled_p_text(test),
      counted(test.at("wins"), "win", "wins"), counted(test.at("ties_in_outcome"), "tie", "ties"),
      counted(test.at("losses"), "loss", "losses"), left_out_text(test), conclusion(test, table),
      contradiction_text(test, table));
}

}  // namespace totum
