#pragma once
// The order of a table's entries in each cell, and how far it can be trusted. Internal to reports/.

#include <nlohmann/json.hpp>

#include "reports/table_context.h"

namespace totum {

/// For each cell the entries under every scheme with bootstrapped rank intervals, Kendall's tau between the
/// schemes, every pair with its tests and how often resamples turn it around, the Friedman test, groups that
/// were not shown to differ, and Nemenyi's critical difference. All on the (patient, organ) pairs that every
/// compared entry has; a cell without such a patient says why instead. docs/report-schema.json: ranking.
nlohmann::json table_rankings(const TableContext& context);

}  // namespace totum
