#include "reports/sentence.h"

#include <fmt/format.h>

#include <cmath>

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

std::string interval_text(const nlohmann::json& test, double scale) {
  const nlohmann::json& bca = test.at("bca95");
  if (test.at("spread") == "constant") return "no CI of the difference, which is the same throughout";
  if (bca.is_null()) return "no CI of the difference from fewer than two patients";
  return fmt::format("95 % CI of the difference {} to {}", decimal(scale * bca[0].get<double>()),
                     decimal(scale * bca[1].get<double>()));
}

// "1 Dice points", "1 mm"
std::string margin_text(const TableSpec& table) {
  return fmt::format("{:g} {}{}", scale_of(table.metric) * table.tests.equivalence_margin,
                     is_fraction(table.metric) ? metric_name(table.metric) + " " : "", unit_of(table.metric));
}

// p with as many digits as it takes to see on which side of alpha it lies.
std::string p_beside(double p, double alpha) {
  const std::string text = p_text(p);
  const bool looks_small = text.starts_with('<') || std::stod(text) < alpha;
  return looks_small == (p < alpha) ? text : fmt::format("{:.6g}", p);
}

std::string difference_found(const nlohmann::json& test, const TableSpec& table) {
  const std::string verdict = test.at("verdict");
  const double difference = test.at("mean_difference");
  const bool mean_is_better = higher_is_better(table.metric) ? difference >= 0 : difference <= 0;
  std::string text = fmt::format("significantly {} at {:g}", verdict, table.tests.alpha);
  if (mean_is_better != (verdict == "better")) text += " by ranks, although the means point the other way";
  const double p_equivalence = test.at("p_equivalence_adjusted");
  if (p_equivalence < table.tests.alpha) {
    text += fmt::format(", yet equivalent within {} (two one-sided t tests, adjusted p {})",
                        margin_text(table), equal_to(p_beside(p_equivalence, table.tests.alpha)));
  }
  return text;
}

std::string conclusion(const nlohmann::json& test, const TableSpec& table) {
  const double alpha = table.tests.alpha;
  const std::string verdict = test.at("verdict");
  if (verdict == "better" || verdict == "worse") return difference_found(test, table);
  if (const std::string reason = verdict_reason(test); !reason.empty())
    return fmt::format("{}: {}", verdict, reason);
  if (verdict == "equivalent") {
    return fmt::format("equivalent within {} (two one-sided t tests, adjusted p {})", margin_text(table),
                       equal_to(p_beside(test.at("p_equivalence_adjusted"), alpha)));
  }
  if (verdict == "unreachable") {
    return fmt::format("not decidable: {} pairs can't give less than p = {} after correction",
                       test.at("pairs").get<std::int64_t>(), p_text(test.at("smallest_p_adjusted")));
  }
  return table.tests.alternative == Alternative::two_sided
             ? "undecided: neither a difference nor equivalence is shown"
             : "undecided: neither a difference in the tested direction nor equivalence is shown";
}

// "Wilcoxon signed-rank", "Wilcoxon signed-rank, one-sided (greater)"
std::string test_name(const TableSpec& table) {
  const Alternative alternative = table.tests.alternative;
  if (alternative == Alternative::two_sided) return "Wilcoxon signed-rank";
  return fmt::format("Wilcoxon signed-rank, one-sided ({})", to_string(alternative));
}

// "higher by 2.1 points than", "within 0.1 points of"
std::string relation(double points, const std::string& unit) {
  if (std::abs(points) < 0.05) return fmt::format("within 0.1 {} of", unit);
  return fmt::format("{} by {:.1f} {} than", points > 0 ? "higher" : "lower", std::abs(points), unit);
}

// "12 cases", "1 case"
std::string cases(std::int64_t count) { return fmt::format("{} case{}", count, count == 1 ? "" : "s"); }

// "; 3 (case, organ) values that only one has are left out"; empty where nothing is.
std::string left_out_text(const nlohmann::json& test) {
  const std::int64_t values = test.at("organ_values_left_out");
  const std::int64_t patients = test.at("patients_left_out");
  std::string what =
      values > 0 ? fmt::format("{} (case, organ) value{}", values, values == 1 ? "" : "s") : "";
  if (patients > 0) what += (what.empty() ? "" : " and ") + cases(patients);
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
  const std::string pairs =
      table.tests.pairs == "pooled" ? "(case, organ) pairs, which are not independent" : "cases";
  const double scale = scale_of(table.metric);
  if (test.at("verdict") == "identical") {
    return fmt::format("{}: {} and {} have {} ({}, {}-adjusted p = {:g}).", cell, reference, other,
                       verdict_reason(test), test_name(table), correction_name(table.tests.correction),
                       test.at("p_adjusted").get<double>());
  }
  return fmt::format(
      "{}, {} {}: the mean {} of {} was {} that of {} ({}; {}, {}-adjusted p {}; {} wins, {} ties, {} "
      "losses{}); {}.",
      cell, test.at("pairs").get<std::int64_t>(), pairs, metric_name(table.metric), reference,
      relation(scale * test.at("mean_difference").get<double>(), unit_of(table.metric)), other,
      interval_text(test, scale), test_name(table), correction_name(table.tests.correction),
      equal_to(p_beside(test.at("p_adjusted"), table.tests.alpha)), test.at("wins").get<std::int64_t>(),
      test.at("ties_in_outcome").get<std::int64_t>(), test.at("losses").get<std::int64_t>(),
      left_out_text(test), conclusion(test, table));
}

}  // namespace totum
