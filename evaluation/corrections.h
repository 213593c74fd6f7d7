#pragma once
// Adjusted p-values of a family of tests.

#include <span>
#include <string_view>
#include <vector>

namespace totum {

/// Holm's step-down adjustment; controls the family-wise error rate. Source: Holm, Scand. J. Statist. 6
/// (1979) 65.
std::vector<double> holm(std::span<const double> p);
/// Hochberg's step-up adjustment; never larger than Holm's, but controls the family-wise error rate only for
/// tests that are independent or positively dependent. Source: Hochberg, Biometrika 75 (1988) 800.
std::vector<double> hochberg(std::span<const double> p);
/// Benjamini-Hochberg step-up adjustment; controls the false discovery rate. Source: J. R. Statist. Soc. B 57
/// (1995) 289.
std::vector<double> benjamini_hochberg(std::span<const double> p);

/// The one that tables name "holm", "hochberg" or "benjamini-hochberg"; throws DataError for another name.
std::vector<double> adjusted_p(std::string_view correction, std::span<const double> p);

// All keep the order of `p`, cap at 1, and throw DataError for a p that is not in [0,1].

}  // namespace totum
