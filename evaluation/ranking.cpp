#include "evaluation/ranking.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace totum {

namespace {

// Every method's rank in one case.
void rank_case(const std::vector<std::vector<double>>& values, std::size_t one_case, double tie_tolerance,
               std::vector<std::vector<double>>& ranks) {
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
    for (std::size_t i = first; i <= last; ++i)
      ranks[order[i]][one_case] = static_cast<double>(first + last) / 2 + 1;
    first = last + 1;
  }
}

}  // namespace

std::vector<std::vector<double>> ranks_within_cases(const std::vector<std::vector<double>>& values,
                                                    double tie_tolerance) {
  auto ranks = values;
  for (const auto& of_method : values) {
    if (of_method.size() != values.front().size())
      throw DataError("methods can be ranked only on the same cases");
  }
  const std::size_t cases = values.empty() ? 0 : values.front().size();
  for (std::size_t i = 0; i < cases; ++i) rank_case(values, i, tie_tolerance, ranks);
  return ranks;
}

std::vector<double> mean_ranks(const std::vector<std::vector<double>>& values, double tie_tolerance) {
  std::vector<double> means;
  for (const auto& ranks : ranks_within_cases(values, tie_tolerance)) {
    if (ranks.empty()) return {};
    means.push_back(std::accumulate(ranks.begin(), ranks.end(), 0.0) / static_cast<double>(ranks.size()));
  }
  return means;
}

}  // namespace totum
