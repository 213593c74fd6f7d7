#pragma once
// The sign test: the fewest assumptions of all paired tests.

#include <cstdint>

namespace totum {

/// Two-sided exact p of so many wins and losses, each with chance 1/2; ties take no part. 1 if there are
/// none. Source: Dixon and Mood, JASA 41 (1946) 557.
double sign_test_p(std::int64_t wins, std::int64_t losses);

}  // namespace totum
