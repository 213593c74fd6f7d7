#pragma once
// Which numbers of a table stand out: decided once, so that every format marks the same. Internal to
// reports/.

#include <nlohmann/json.hpp>

#include "reports/table_context.h"

namespace totum {

/// Adds "standing" to each value that has a mean: "best" and "second" by it among the compared entries of its
/// cell, else "". Two of two are not second and one of one is not best. A mean with holes has no standing,
/// since it is over other organs than its rivals'; nor is best what a test of the same cell calls
/// significantly worse than another entry: the test is about the patients' means, the number about all pairs.
void add_standings(nlohmann::json& values, const TableContext& context, const nlohmann::json& tests);

}  // namespace totum
