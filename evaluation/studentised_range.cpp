#include "evaluation/studentised_range.h"

#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace totum {

namespace {

double normal_below(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

}  // namespace

double range_tail(double q, std::int64_t values) {
  if (values < 2) throw DataError("the range of fewer than two values has no distribution");
  if (q <= 0) return 1;
  const auto k = static_cast<double>(values);
  // With z the largest value: k ∫ φ(z) (Φ(z)^(k-1) - (Φ(z) - Φ(z-q))^(k-1)) dz. The trapezoidal rule
  // converges exponentially for a smooth integrand that vanishes at both ends.
  constexpr double kLow = -10;
  constexpr double kHigh = 38;
  constexpr int kSteps = 48 * 32;
  constexpr double kStep = (kHigh - kLow) / kSteps;
  double sum = 0;
  for (int i = 1; i < kSteps; ++i) {
    const double z = kLow + i * kStep;
    const double below = normal_below(z);
    const double all_within = std::log1p(-normal_below(z - q) / below);
    const double density = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
    sum += density * std::pow(below, k - 1) * -std::expm1((k - 1) * all_within);
  }
  return std::min(1.0, k * sum * kStep);
}

double range_quantile(double tail, std::int64_t values) {
  if (!(tail > 0 && tail < 1)) throw DataError("the tail of a distribution must be in (0,1)");
  std::uintmax_t iterations = 200;
  const auto bracket =
      boost::math::tools::toms748_solve([&](double q) { return range_tail(q, values) - tail; }, 0.0, 50.0,
                                        boost::math::tools::eps_tolerance<double>(50), iterations);
  return (bracket.first + bracket.second) / 2;
}

}  // namespace totum
