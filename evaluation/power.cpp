#include "evaluation/power.h"

#include <boost/math/distributions/non_central_t.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

#include "core/error.h"
#include "evaluation/wilcoxon.h"

namespace totum {

namespace {

constexpr std::int64_t kMostPairs = 10'000'000;

}  // namespace

double paired_power(std::int64_t pairs, const PowerQuestion& question) {
  if (!(question.difference > 0) || !(question.standard_deviation >= 0))
    throw DataError("power needs a difference above 0 and a deviation that is not below 0");
  const auto degrees = static_cast<double>(pairs - question.parts);
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

std::optional<std::int64_t> pairs_needed(double power, const PowerQuestion& question) {
  std::int64_t enough = question.parts + 1;
  while (paired_power(enough, question) < power) {
    enough *= 2;
    if (enough > kMostPairs) return std::nullopt;
  }
  std::int64_t too_few = question.parts;
  while (enough - too_few > 1) {
    const std::int64_t middle = too_few + (enough - too_few) / 2;
    (paired_power(middle, question) < power ? too_few : enough) = middle;
  }
  return enough;
}

}  // namespace totum
