#include "evaluation/power.h"

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/non_central_t.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

#include "core/error.h"
#include "core/random.h"
#include "evaluation/wilcoxon.h"

namespace totum {

namespace {

constexpr std::int64_t kMostPairs = 10'000'000;

double degrees_of_freedom(std::int64_t pairs, const std::vector<PowerStratum>& strata) {
  double inverse = 0;
  for (const PowerStratum& stratum : strata) {
    if (stratum.variance == 0) continue;
    const double degrees = stratum.patients * static_cast<double>(pairs) - 1;
    if (degrees <= 0) return 0;
    inverse += stratum.variance * stratum.variance / degrees;
  }
  return inverse > 0 ? 1 / inverse : static_cast<double>(pairs) - static_cast<double>(strata.size());
}

// Differences of one stratum, moved to the mean that is to be found.
class ShiftedStratum {
 public:
  ShiftedStratum(const RankedStratum& stratum, double difference)
      : shift_(difference), weight_(stratum.weight) {
    double mean = 0;
    const auto n = static_cast<double>(stratum.a.size());
    for (std::size_t i = 0; i < stratum.a.size(); ++i) mean += (stratum.a[i] - stratum.b[i]) / n;
    for (std::size_t i = 0; i < stratum.a.size(); ++i)
      differences_.push_back(stratum.a[i] - stratum.b[i] - mean);
  }

  /// The stratum's share of the statistic of weighted_signed_rank() in a sample.
  [[nodiscard]] double resampled(std::int64_t patients, int sign, RandomStream& random) const {
    std::vector<double> sample;
    const auto n = static_cast<std::int64_t>(differences_.size());
    for (std::int64_t i = 0; i < patients; ++i)
      sample.push_back(differences_[static_cast<std::size_t>(random.below(n))] + sign * shift_);
    std::sort(sample.begin(), sample.end(), [](double x, double y) { return std::abs(x) < std::abs(y); });
    double ranks = 0;
    for (std::size_t i = 0; i < sample.size();) {
      std::size_t end = i;
      double signs = 0;
      for (; end < sample.size() && std::abs(sample[end]) == std::abs(sample[i]); ++end)
        signs += static_cast<double>((sample[end] > 0) - (sample[end] < 0));
      ranks += signs * static_cast<double>(i + 1 + end) / 2;
      i = end;
    }
    const auto m = static_cast<double>(patients);
    return weight_ * ranks * 2 / (m * (m + 1));
  }

 private:
  std::vector<double> differences_;  // about their mean
  double shift_;
  double weight_;
};

}  // namespace

double paired_power(std::int64_t pairs, const PowerQuestion& question) {
  if (!(question.difference > 0) || !(question.standard_deviation >= 0))
    throw DataError("power needs a difference above 0 and a deviation that is not below 0");
  const double degrees = degrees_of_freedom(pairs, question.strata);
  if (degrees < 1 || smallest_signed_rank_p(pairs) >= question.alpha) return 0;
  const double shift = question.difference / question.standard_deviation *
                       std::sqrt(question.efficiency * static_cast<double>(pairs));
  constexpr double kSurelyFound = 100;  // standard errors
  if (!(shift < kSurelyFound)) return 1;
  constexpr double kManyDegrees = 5000;  // from here on normal to four digits
  if (degrees > kManyDegrees) {
    const boost::math::normal normal;
    const double critical = boost::math::quantile(boost::math::complement(normal, question.alpha / 2));
    return boost::math::cdf(normal, shift - critical) + boost::math::cdf(normal, -shift - critical);
  }
  const double critical =
      boost::math::quantile(boost::math::complement(boost::math::students_t(degrees), question.alpha / 2));
  const boost::math::non_central_t distribution(degrees, shift);
  return boost::math::cdf(boost::math::complement(distribution, critical)) +
         boost::math::cdf(distribution, -critical);
}

std::optional<std::int64_t> pairs_needed(double power, const PowerQuestion& question, std::int64_t at_least) {
  std::int64_t enough = std::max<std::int64_t>(at_least, 1);
  std::int64_t too_few = enough - 1;
  while (paired_power(enough, question) < power) {
    too_few = enough;
    enough *= 2;
    if (enough > kMostPairs) return std::nullopt;
  }
  while (enough - too_few > 1) {
    const std::int64_t middle = too_few + (enough - too_few) / 2;
    (paired_power(middle, question) < power ? too_few : enough) = middle;
  }
  return enough;
}

std::array<double, 2> deviation_factors(double degrees_of_freedom) {
  const boost::math::chi_squared distribution(degrees_of_freedom);
  const auto factor = [&](double q) {
    return std::sqrt(degrees_of_freedom / boost::math::quantile(distribution, q));
  };
  return {factor(0.975), factor(0.025)};
}

double simulated_power(std::span<const RankedStratum> strata, std::span<const std::int64_t> patients,
                       double difference, double alpha, std::int64_t simulations, std::uint64_t seed) {
  std::vector<ShiftedStratum> shifted;
  std::vector<double> weights;
  for (const RankedStratum& stratum : strata) {
    shifted.emplace_back(stratum, difference);
    weights.push_back(stratum.weight);
  }
  const double critical = critical_weighted_signed_rank(patients, weights, alpha);
  if (std::isinf(critical)) return 0;  // so few can't be significant
  constexpr double kSlack = 1e-12;
  std::int64_t found = 0;
  for (std::int64_t r = 0; r < simulations; ++r) {
    RandomStream random(seed, "power", static_cast<std::uint64_t>(r));
    double statistic = 0;
    for (std::size_t k = 0; k < shifted.size(); ++k)
      statistic += shifted[k].resampled(patients[k], r % 2 == 0 ? 1 : -1, random);
    found += std::abs(statistic) >= critical - kSlack ? 1 : 0;
  }
  return static_cast<double>(found) / static_cast<double>(simulations);
}

}  // namespace totum
