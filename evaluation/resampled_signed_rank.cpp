#include "evaluation/resampled_signed_rank.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace totum {

SortedDifferences::SortedDifferences(std::span<const double> a, std::span<const double> b,
                                     const SignedRankOptions& options)
    : rule_(options.zeros), continuity_correction_(options.continuity_correction) {
  if (a.size() != b.size()) throw DataError("paired values have different lengths");
  std::vector<double> difference;
  std::vector<std::uint32_t> order;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference.push_back(a[i] - b[i]);
    const auto pair = static_cast<std::uint32_t>(i);
    if (!std::isfinite(difference[i])) throw DataError("a paired difference is not finite");
    (std::abs(difference[i]) <= options.tie_tolerance ? zeros_ : order).push_back(pair);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](auto x, auto y) { return std::abs(difference[x]) < std::abs(difference[y]); });
  for (std::size_t i = 0; i < order.size(); ++i) {
    const bool ties_with_next =
        i + 1 < order.size() &&
        std::abs(difference[order[i + 1]]) - std::abs(difference[order[i]]) <= options.tie_tolerance;
    differences_.push_back({order[i], difference[order[i]] > 0, !ties_with_next});
  }
}

double SortedDifferences::z(std::span<const std::uint16_t> counts) const {
  double zeros = 0;
  for (const std::uint32_t pair : zeros_) zeros += counts[pair];
  double ranked = rule_ == ZeroRule::wilcox ? 0 : zeros;  // so many have a lower rank
  double w_plus = 0;
  double ties = 0;  // Σ t³ - t over groups of ties
  double group = 0;
  double positive = 0;
  for (const Difference& d : differences_) {
    const double count = counts[d.pair];
    group += count;
    positive += d.is_positive ? count : 0;
    if (!d.ends_group) continue;
    w_plus += positive * (ranked + (group + 1) / 2);
    ties += group * (group * group - 1);
    ranked += group;
    group = positive = 0;
  }
  const double n = ranked;
  if (n == 0 || (rule_ != ZeroRule::wilcox && n == zeros)) return 0;
  double mean = n * (n + 1) / 4;
  double variance = n * (n + 1) * (2 * n + 1) - ties / 2;
  if (rule_ == ZeroRule::pratt) {
    mean -= zeros * (zeros + 1) / 4;
    variance -= zeros * (zeros + 1) * (2 * zeros + 1);
  }
  if (rule_ == ZeroRule::zsplit) {
    w_plus += zeros * (zeros + 1) / 4;
    variance -= zeros * (zeros * zeros - 1) / 2;
  }
  const double shift = w_plus - mean;
  const double sign = static_cast<double>((shift > 0) - (shift < 0));
  const double corrected = continuity_correction_ ? shift - 0.5 * sign : shift;
  return variance > 0 ? corrected / std::sqrt(variance / 24) : 0;
}

}  // namespace totum
