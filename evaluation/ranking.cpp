#include "evaluation/ranking.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace totum {

namespace {

// Adds every method's rank in one case to `totals`.
void add_ranks(const std::vector<std::vector<double>>& values, std::size_t one_case, double tie_tolerance,
               std::vector<double>& totals) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t x, std::size_t y) { return values[x][one_case] > values[y][one_case]; });
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() &&
           values[order[last]][one_case] - values[order[last + 1]][one_case] <= tie_tolerance) {
      ++last;
    }
    for (std::size_t i = first; i <= last; ++i) totals[order[i]] += static_cast<double>(first + last) / 2 + 1;
    first = last + 1;
  }
}

}  // namespace

std::vector<double> mean_ranks(const std::vector<std::vector<double>>& values, double tie_tolerance) {
  if (values.empty() || values.front().empty()) return {};
  const std::size_t cases = values.front().size();
  for (const auto& of_method : values) {
    if (of_method.size() != cases) throw DataError("methods can be ranked only on the same cases");
  }
  std::vector<double> totals(values.size(), 0.0);
  for (std::size_t i = 0; i < cases; ++i) add_ranks(values, i, tie_tolerance, totals);
  for (double& total : totals) total /= static_cast<double>(cases);
  return totals;
}

}  // namespace totum
