#include "reports/sentence.h"

#include <fmt/format.h>

#include <cmath>

#include "evaluation/metric.h"

namespace totum {

namespace {

// Fractions are told in points of a percent, other metrics in their unit.
double scale_of(const std::string& metric) { return is_fraction(metric) ? 100 : 1; }
std::string unit_of(const std::string& metric) {
  return is_fraction(metric) ? "points" : std::string(find_metric(metric)->unit);
}

std::string interval_text(const nlohmann::json& bca, double scale) {
  if (bca.is_null()) return "no CI of the difference from fewer than two patients";
  return fmt::format("95 % CI of the difference {:.1f} to {:.1f}", scale * bca[0].get<double>(),
                     scale * bca[1].get<double>());
}

std::string conclusion(const nlohmann::json& test, const TableSpec& table) {
  const double alpha = table.tests.alpha;
  const std::string verdict = test.at("verdict");
  if (verdict == "better" || verdict == "worse") {
    const double difference = test.at("mean_difference");
    const bool mean_is_better = higher_is_better(table.metric) ? difference >= 0 : difference <= 0;
    return fmt::format(
        "significantly {} at {:g}{}", verdict, alpha,
        mean_is_better == (verdict == "better") ? "" : " by ranks, although the means point the other way");
  }
  if (verdict == "equivalent") {
    return fmt::format("equivalent within {:g} {}{} (two one-sided t tests, adjusted p {})",
                       scale_of(table.metric) * table.tests.equivalence_margin,
                       is_fraction(table.metric) ? metric_name(table.metric) + " " : "",
                       unit_of(table.metric), p_with_sign(test.at("p_equivalence_adjusted")));
  }
  if (verdict == "unreachable") {
    return fmt::format("not decidable: {} pairs can't give less than p = {} after correction",
                       test.at("pairs").get<std::int64_t>(), p_text(test.at("smallest_p_adjusted")));
  }
  return "undecided: neither a difference nor equivalence is shown";
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

std::string p_with_sign(double p) {
  const std::string text = p_text(p);
  return text.starts_with('<') ? text : "= " + text;
}

std::string comparison_sentence(const nlohmann::json& test, const std::string& reference,
                                const std::string& other, const std::string& cell, const TableSpec& table) {
  const std::string pairs =
      table.tests.pairs == "pooled" ? "(case, organ) pairs, which are not independent" : "cases";
  const double scale = scale_of(table.metric);
  return fmt::format(
      "{}, {} {}: the {} of {} was {} that of {} ({}; Wilcoxon signed-rank, {}-adjusted p {}; {} wins, {} "
      "ties, {} losses); {}.",
      cell, test.at("pairs").get<std::int64_t>(), pairs, metric_name(table.metric), reference,
      relation(scale * test.at("mean_difference").get<double>(), unit_of(table.metric)), other,
      interval_text(test.at("bca95"), scale), correction_name(table.tests.correction),
      p_with_sign(test.at("p_adjusted")), test.at("wins").get<std::int64_t>(),
      test.at("ties_in_outcome").get<std::int64_t>(), test.at("losses").get<std::int64_t>(),
      conclusion(test, table));
}

}  // namespace totum
