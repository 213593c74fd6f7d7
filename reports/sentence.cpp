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

// Did every resample give the same mean, so that the interval has no width?
bool has_no_width(const nlohmann::json& bca) {
  return !bca.is_null() && bca[0].get<double>() == bca[1].get<double>();
}

std::string interval_text(const nlohmann::json& bca, double scale) {
  if (bca.is_null()) return "no CI of the difference from fewer than two patients";
  if (has_no_width(bca)) return "no CI of the difference, which is the same throughout";
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
  if (p_equivalence < table.tests.alpha && !has_no_width(test.at("bca95"))) {
    text += fmt::format(", yet equivalent within {} (two one-sided t tests, adjusted p {})",
                        margin_text(table), equal_to(p_beside(p_equivalence, table.tests.alpha)));
  }
  return text;
}

std::string conclusion(const nlohmann::json& test, const TableSpec& table) {
  const double alpha = table.tests.alpha;
  const std::string verdict = test.at("verdict");
  if (verdict == "better" || verdict == "worse") return difference_found(test, table);
  if (verdict == "equivalent" && has_no_width(test.at("bca95"))) {
    return fmt::format(
        "within {} of each other throughout; differences that do not vary allow no test of equivalence",
        margin_text(table));
  }
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

}  // namespace

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
  return fmt::format(
      "{}, {} {}: the mean {} of {} was {} that of {} ({}; {}, {}-adjusted p {}; {} wins, {} ties, {} "
      "losses); {}.",
      cell, test.at("pairs").get<std::int64_t>(), pairs, metric_name(table.metric), reference,
      relation(scale * test.at("mean_difference").get<double>(), unit_of(table.metric)), other,
      interval_text(test.at("bca95"), scale), test_name(table), correction_name(table.tests.correction),
      equal_to(p_beside(test.at("p_adjusted"), table.tests.alpha)), test.at("wins").get<std::int64_t>(),
      test.at("ties_in_outcome").get<std::int64_t>(), test.at("losses").get<std::int64_t>(),
      conclusion(test, table));
}

}  // namespace totum
