#pragma once
// Adjusted p-values of a family of tests.

#include <span>
#include <vector>

namespace totum {

/// Holm's step-down adjustment; controls the family-wise error rate. Source: Holm, Scand. J. Statist. 6
/// (1979) 65.
std::vector<double> holm(std::span<const double> p);
/// Benjamini-Hochberg step-up adjustment; controls the false discovery rate. Source: J. R. Statist. Soc. B 57
/// (1995) 289.
std::vector<double> benjamini_hochberg(std::span<const double> p);

// Both keep the order of `p`, cap at 1, and throw DataError for a p that is not in [0,1].

}  // namespace totum
