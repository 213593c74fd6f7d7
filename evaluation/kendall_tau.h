#pragma once
// Agreement of two orders.

#include <optional>
#include <span>

namespace totum {

/// Kendall's tau-b of two lists of numbers about the same things: 1 for the same order, -1 for the reverse,
/// ties in either counted. nullopt where one list is all ties or has fewer than two numbers, so that there is
/// no order. Throws DataError for unequal lengths. Source: Kendall, Biometrika 33 (1945) 239.
std::optional<double> kendall_tau(std::span<const double> a, std::span<const double> b);

}  // namespace totum
