#include "reports/test_power.h"

#include <algorithm>
#include <cmath>

#include "evaluation/power.h"

namespace totum {

namespace {

using nlohmann::json;

constexpr std::int64_t kSimulations = 1000;

// The patients of each stratum when there are `patients` in all, at least one each.
std::vector<std::int64_t> in_proportion(const PairedComparison& comparison, std::int64_t patients) {
  std::vector<std::int64_t> counts;
  for (const RankedStratum& stratum : comparison.strata) {
    const double share = static_cast<double>(stratum.a.size()) / static_cast<double>(comparison.patients);
    counts.push_back(std::max<std::int64_t>(1, std::llround(share * static_cast<double>(patients))));
  }
  return counts;
}

// One comparison's question and the ways to answer it.
class Power {
 public:
  Power(const PairedComparison& comparison, const TableTests& tests, std::uint64_t seed)
      : comparison_(comparison), seed_(seed) {
    question_.difference = tests.equivalence_margin;
    question_.standard_deviation =
        comparison.standard_error * std::sqrt(static_cast<double>(comparison.patients));
    if (comparison.decided_by == Decider::sign_flip) question_.efficiency = 1;
    question_.strata.clear();
    for (const RankedStratum& stratum : comparison.strata)
      question_.strata.push_back(
          {static_cast<double>(stratum.a.size()) / static_cast<double>(comparison.patients),
           squared_error(stratum) / total_squared_error()});
  }

  [[nodiscard]] double sd() const { return question_.standard_deviation; }

  [[nodiscard]] double now(double alpha) const {
    if (is_simulated()) return simulated(comparison_.patients, alpha, 1);
    PowerQuestion question = question_;
    question.alpha = alpha;
    return paired_power(comparison_.patients, question);
  }

  // With the spread times `factor`.
  [[nodiscard]] json needed(double alpha, double factor = 1) const {
    PowerQuestion question = question_;
    question.alpha = alpha;
    question.standard_deviation *= factor;
    if (!is_simulated()) return as_json(pairs_needed(kWantedPower, question));
    const auto by_formula = pairs_needed(kWantedPower, question, kFewestPairsOfFormula);
    if (by_formula != kFewestPairsOfFormula) return as_json(by_formula);
    std::int64_t too_few = static_cast<std::int64_t>(comparison_.strata.size());
    std::int64_t enough = kFewestPairsOfFormula;
    while (enough - too_few > 1) {
      const std::int64_t middle = (too_few + enough) / 2;
      (simulated(middle, alpha, factor) < kWantedPower ? too_few : enough) = middle;
    }
    return enough;
  }

  // At the ends of the deviation's own 95 % interval, for normal differences.
  [[nodiscard]] json needed95(double alpha) const {
    const auto [low, high] = deviation_factors(comparison_.degrees_of_freedom);
    return json::array({needed(alpha, low), needed(alpha, high)});
  }

  [[nodiscard]] bool is_simulated() const { return comparison_.decided_by != Decider::sign_flip; }

 private:
  static json as_json(const std::optional<std::int64_t>& pairs) { return pairs ? json(*pairs) : json(); }

  static double squared_error(const RankedStratum& stratum) {
    std::vector<Cluster> differences;
    for (std::size_t i = 0; i < stratum.a.size(); ++i)
      differences.push_back({stratum.a[i] - stratum.b[i], 1});
    return std::pow(stratum.weight * clustered_mean(differences).standard_error, 2);
  }
  [[nodiscard]] double total_squared_error() const {
    double total = 0;
    for (const RankedStratum& stratum : comparison_.strata) total += squared_error(stratum);
    return total > 0 ? total : 1;
  }

  // Differences times `factor` about the difference to be found are differences about it, divided by it.
  [[nodiscard]] double simulated(std::int64_t patients, double alpha, double factor) const {
    return simulated_power(comparison_.strata, in_proportion(comparison_, patients),
                           question_.difference / factor, alpha, kSimulations, seed_);
  }

  const PairedComparison& comparison_;
  std::uint64_t seed_;
  PowerQuestion question_;
};

std::string test_of(const PairedComparison& comparison) {
  switch (comparison.decided_by) {
    case Decider::signed_rank:
      return "signed-rank test of patients";
    case Decider::weighted_signed_rank:
      return "weighted signed-rank test of patients";
    case Decider::sign_flip:
      break;
  }
  return "t test of patients, whose power the deciding sign-flip test has nearly";
}

}  // namespace

json power_json(const PairedComparison& comparison, const TableTests& tests, std::size_t family,
                std::uint64_t seed) {
  if (comparison.degrees_of_freedom <= 0 || comparison.standard_error == 0 || tests.equivalence_margin <= 0)
    return nullptr;
  const Power power(comparison, tests, seed);
  const double strictest = tests.alpha / static_cast<double>(family);
  return {{"test", test_of(comparison)},
          {"sd", power.sd()},
          {"degrees_of_freedom", comparison.degrees_of_freedom},
          {"now", power.now(strictest)},
          {"now_by", power.is_simulated() ? "simulation from the stored differences" : "noncentral t"},
          {"patients_needed", power.needed(strictest)},
          {"needed_by", power.is_simulated() ? "noncentral t with 3/π of the patients; below 14 simulation"
                                             : "noncentral t"},
          {"patients_needed95", power.needed95(strictest)},
          {"patients_needed_alone", power.needed(tests.alpha)}};
}

}  // namespace totum
