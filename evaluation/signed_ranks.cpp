#include "evaluation/signed_ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace totum {

std::vector<RankedDifference> rank_differences(std::span<const double> a, std::span<const double> b,
                                               bool drop_zeros, double tie_tolerance) {
  if (a.size() != b.size())
    throw DataError(fmt::format("paired values have lengths {} and {}", a.size(), b.size()));
  if (a.empty()) throw DataError("there are no pairs to compare");
  std::vector<RankedDifference> ranked;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i]))
      throw DataError(fmt::format("pair {} holds a value that is not finite", i));
    const double difference = a[i] - b[i];
    const bool is_zero = std::abs(difference) <= tie_tolerance;
    if (is_zero && drop_zeros) continue;
    ranked.push_back({is_zero ? 0.0 : difference, 0, is_zero});
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const RankedDifference& x, const RankedDifference& y) {
    return std::abs(x.difference) < std::abs(y.difference);
  });
  for (std::size_t first = 0; first < ranked.size();) {
    std::size_t last = first + 1;  // one past the group of ties
    while (last < ranked.size() && ranked[last].is_zero == ranked[first].is_zero &&
           std::abs(ranked[last].difference) - std::abs(ranked[last - 1].difference) <= tie_tolerance) {
      ++last;
    }
    const double rank = (static_cast<double>(first + 1) + static_cast<double>(last)) / 2.0;
    for (std::size_t i = first; i < last; ++i) ranked[i].rank = rank;
    first = last;
  }
  return ranked;
}

}  // namespace totum
