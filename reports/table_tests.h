#pragma once
// The tests of a table: the reference against every other entry in every shown cell. Internal to reports/.

#include <nlohmann/json.hpp>

#include "reports/table_context.h"

namespace totum {

/// Every test with its effect sizes, intervals, adjusted p, verdict and sentence; tests that can't be made
/// are listed with the reason. Throws DataError where methods were scored on different cases (and `intersect`
/// is not set).
nlohmann::json table_tests(const TableContext& context);

}  // namespace totum
