#include "evaluation/nemenyi.h"

#include <cmath>
#include <numbers>

#include "core/error.h"
#include "evaluation/studentised_range.h"

namespace totum {

namespace {

// Of a mean rank's difference between two methods, under the hypothesis that all are alike.
double standard_error(std::int64_t methods, std::int64_t cases) {
  if (methods < 2 || cases < 1) throw DataError("mean ranks need two methods and a case");
  const auto k = static_cast<double>(methods);
  return std::sqrt(k * (k + 1) / (6 * static_cast<double>(cases)));
}

}  // namespace

double nemenyi_critical_difference(double alpha, std::int64_t methods, std::int64_t cases) {
  return range_quantile(alpha, methods) / std::numbers::sqrt2 * standard_error(methods, cases);
}

std::vector<std::vector<double>> nemenyi_p(std::span<const double> mean_ranks, std::int64_t cases) {
  const std::size_t k = mean_ranks.size();
  const double error = standard_error(static_cast<std::int64_t>(k), cases);
  std::vector<std::vector<double>> p(k, std::vector<double>(k, 1.0));
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = i + 1; j < k; ++j) {
      const double q = std::abs(mean_ranks[i] - mean_ranks[j]) / error * std::numbers::sqrt2;
      p[i][j] = p[j][i] = range_tail(q, static_cast<std::int64_t>(k));
    }
  }
  return p;
}

}  // namespace totum
