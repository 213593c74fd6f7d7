#include "evaluation/corrections.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "core/error.h"

namespace totum {

namespace {

// Positions of p in ascending order.
std::vector<std::size_t> ascending(std::span<const double> p) {
  for (const double value : p) {
    if (!(value >= 0 && value <= 1)) throw DataError("a p-value is not in [0,1]");
  }
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t x, std::size_t y) { return p[x] < p[y]; });
  return order;
}

}  // namespace

std::vector<double> holm(std::span<const double> p) {
  const auto order = ascending(p);
  std::vector<double> adjusted(p.size());
  double largest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    largest = std::max(largest, static_cast<double>(p.size() - rank) * p[order[rank]]);
    adjusted[order[rank]] = std::min(1.0, largest);
  }
  return adjusted;
}

std::vector<double> hochberg(std::span<const double> p) {
  const auto order = ascending(p);
  std::vector<double> adjusted(p.size());
  double smallest = 1;
  for (std::size_t rank = order.size(); rank-- > 0;) {
    smallest = std::min(smallest, static_cast<double>(p.size() - rank) * p[order[rank]]);
    adjusted[order[rank]] = smallest;
  }
  return adjusted;
}

std::vector<double> benjamini_hochberg(std::span<const double> p) {
  const auto order = ascending(p);
  std::vector<double> adjusted(p.size());
  double smallest = 1;
  for (std::size_t rank = order.size(); rank-- > 0;) {
    smallest =
        std::min(smallest, static_cast<double>(p.size()) / static_cast<double>(rank + 1) * p[order[rank]]);
    adjusted[order[rank]] = smallest;
  }
  return adjusted;
}

std::vector<double> adjusted_p(std::string_view correction, std::span<const double> p) {
  if (correction == "holm") return holm(p);
  if (correction == "hochberg") return hochberg(p);
  if (correction == "benjamini-hochberg") return benjamini_hochberg(p);
  throw DataError("unknown correction " + std::string(correction));
}

}  // namespace totum
