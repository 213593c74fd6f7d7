#pragma once
// The results of one table: cells, tests, rankings and organs, as JSON for report.json.

#include <nlohmann/json.hpp>

#include "reports/report.h"

namespace totum {

nlohmann::json table_results(const TableSpec& table, const ReportInput& input,
                             const PublishedNumbers& published, const ReportOptions& options);

}  // namespace totum
