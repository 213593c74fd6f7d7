#pragma once
// The distribution of the range of independent standard normal values.

#include <cstdint>

namespace totum {

/// P(max - min > q) of `values` independent standard normal values: the studentised range with infinitely
/// many degrees of freedom. Good to about 1e-13 relative, also far out in the tail. Throws DataError for
/// fewer than two values. Source: Pearson and Hartley, Biometrika 32 (1942) 301.
double range_tail(double q, std::int64_t values);

/// The q that the range exceeds with probability `tail`, which is in (0,1).
double range_quantile(double tail, std::int64_t values);

}  // namespace totum
