#include "evaluation/kendall_tau.h"

#include <cmath>

#include "core/error.h"

namespace totum {

std::optional<double> kendall_tau(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size()) throw DataError("two orders of different lengths can't be compared");
  const auto sign = [](double x) { return static_cast<double>((x > 0) - (x < 0)); };
  double agreement = 0;
  double pairs_a = 0;  // not tied in a
  double pairs_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = i + 1; j < a.size(); ++j) {
      const double in_a = sign(a[i] - a[j]);
      const double in_b = sign(b[i] - b[j]);
      agreement += in_a * in_b;
      pairs_a += in_a * in_a;
      pairs_b += in_b * in_b;
    }
  }
  if (pairs_a == 0 || pairs_b == 0) return std::nullopt;
  return agreement / std::sqrt(pairs_a * pairs_b);
}

}  // namespace totum
