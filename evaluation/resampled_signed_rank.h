#pragma once
// The signed-rank test of the same pairs again and again with other multiplicities, as a bootstrap needs it.

#include <cstdint>
#include <span>
#include <vector>

#include "evaluation/wilcoxon.h"

namespace totum {

/// Pairs sorted once by the size of their differences. z() is then a single pass, some fifty times faster
/// than a test of the pairs written out; the value is the same.
class SortedDifferences {
 public:
  /// As wilcoxon_signed_rank(); of `options` the zero rule, tie tolerance and continuity correction count.
  SortedDifferences(std::span<const double> a, std::span<const double> b, const SignedRankOptions& options);

  /// z of the two-sided normal approximation if pair i stood there counts[i] times; above 0 in favour of a.
  /// 0 if no difference is left.
  [[nodiscard]] double z(std::span<const std::uint16_t> counts) const;

 private:
  struct Difference {
    std::uint32_t pair = 0;
    bool is_positive = false;
    bool ends_group = true;  // the next one is larger
  };
  std::vector<std::uint32_t> zeros_;     // pairs without a difference
  std::vector<Difference> differences_;  // the others, ascending by size
  ZeroRule rule_;
  bool continuity_correction_;
};

}  // namespace totum
