#include "reports/sentence.h"

#include <fmt/format.h>

#include <cmath>

namespace totum {

namespace {

// "= 0.031", "< 0.001"
std::string equal_to(const std::string& p) { return p.starts_with('<') ? p : "= " + p; }

std::string interval_text(const nlohmann::json& bca) {
  if (bca.is_null()) return "no CI of the difference from fewer than two patients";
  return fmt::format("95 % CI of the difference {:.1f} to {:.1f}", 100 * bca[0].get<double>(),
                     100 * bca[1].get<double>());
}

std::string conclusion(const nlohmann::json& test, double alpha, double margin) {
  const std::string verdict = test.at("verdict");
  if (verdict == "better" || verdict == "worse") {
    const bool mean_is_higher = test.at("mean_difference").get<double>() >= 0;
    return fmt::format(
        "significantly {} at {:g}{}", verdict, alpha,
        mean_is_higher == (verdict == "better") ? "" : " by ranks, although the means point the other way");
  }
  if (verdict == "equivalent") {
    return fmt::format("equivalent within {:g} Dice points (two one-sided t tests, adjusted p {})",
                       100 * margin, equal_to(p_text(test.at("p_equivalence_adjusted"))));
  }
  if (verdict == "unreachable") {
    return fmt::format("not decidable: {} pairs can't give less than p = {} after correction",
                       test.at("pairs").get<std::int64_t>(), p_text(test.at("smallest_p_adjusted")));
  }
  return "undecided: neither a difference nor equivalence is shown";
}

// "higher by 2.1 points than", "within 0.1 points of"
std::string relation(double points) {
  if (std::abs(points) < 0.05) return "within 0.1 points of";
  return fmt::format("{} by {:.1f} points than", points > 0 ? "higher" : "lower", std::abs(points));
}

}  // namespace

std::string p_text(double p) {
  if (p < 0.001) return "< 0.001";
  return p < 0.1 ? fmt::format("{:.3g}", p) : fmt::format("{:.3f}", p);
}

std::string comparison_sentence(const nlohmann::json& test, const std::string& reference,
                                const std::string& other, const std::string& cell, const TableSpec& table) {
  const std::string pairs =
      table.tests.pairs == "pooled" ? "(case, organ) pairs, which are not independent" : "cases";
  return fmt::format(
      "{}, {} {}: the Dice of {} was {} that of {} ({}; Wilcoxon signed-rank, {}-adjusted p {}; {} wins, {} "
      "ties, {} losses); {}.",
      cell, test.at("pairs").get<std::int64_t>(), pairs, reference,
      relation(100 * test.at("mean_difference").get<double>()), other, interval_text(test.at("bca95")),
      table.tests.correction == "holm" ? "Holm" : "Benjamini-Hochberg",
      equal_to(p_text(test.at("p_adjusted"))), test.at("wins").get<std::int64_t>(),
      test.at("ties_in_outcome").get<std::int64_t>(), test.at("losses").get<std::int64_t>(),
      conclusion(test, table.tests.alpha, table.tests.equivalence_margin));
}

}  // namespace totum
