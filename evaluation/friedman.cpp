#include "evaluation/friedman.h"

#include <fmt/format.h>

#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/fisher_f.hpp>
#include <cmath>

#include "core/error.h"
#include "evaluation/ranking.h"

namespace totum {

namespace {

void check(const std::vector<std::vector<double>>& values) {
  if (values.size() < 3)
    throw DataError(fmt::format("the Friedman test needs three methods or more, not {}", values.size()));
  if (values.front().empty()) throw DataError("there are no cases to rank methods on");
  for (const auto& of_method : values) {
    for (const double value : of_method) {
      if (!std::isfinite(value)) throw DataError("a value to be ranked is not finite");
    }
  }
}

// F of the ranks, from chi-square; nothing where it would be infinite.
void add_iman_davenport(FriedmanResult& result) {
  const auto n = static_cast<double>(result.cases);
  const auto k = static_cast<double>(result.methods);
  const double rest = n * (k - 1) - result.statistic;  // 0 if all cases agree, but for rounding
  if (result.cases < 2 || rest <= 1e-9 * n * (k - 1)) return;
  result.f = (n - 1) * result.statistic / rest;
  const boost::math::fisher_f distribution(k - 1, (k - 1) * (n - 1));
  result.f_p_value = boost::math::cdf(boost::math::complement(distribution, *result.f));
}

}  // namespace

FriedmanResult friedman_test(const std::vector<std::vector<double>>& values, double tie_tolerance) {
  check(values);
  const auto ranks = ranks_within_cases(values, tie_tolerance);
  FriedmanResult result;
  result.methods = static_cast<std::int64_t>(values.size());
  result.cases = static_cast<std::int64_t>(values.front().size());
  const auto n = static_cast<double>(result.cases);
  const auto k = static_cast<double>(result.methods);
  double between = 0;  // of the methods' rank sums around what chance gives
  double within = 0;   // of all ranks around their middle; smaller with ties
  for (const auto& of_method : ranks) {
    double sum = 0;
    for (const double rank : of_method) {
      sum += rank;
      within += (rank - (k + 1) / 2) * (rank - (k + 1) / 2);
    }
    result.mean_ranks.push_back(sum / n);
    between += (sum - n * (k + 1) / 2) * (sum - n * (k + 1) / 2);
  }
  if (within > 0) result.statistic = (k - 1) * between / within;
  result.kendall_w = result.statistic / (n * (k - 1));
  const boost::math::chi_squared distribution(k - 1);
  result.p_value = boost::math::cdf(boost::math::complement(distribution, result.statistic));
  add_iman_davenport(result);
  return result;
}

}  // namespace totum
