#pragma once
// Was a table declared before there were scores? run.json says which declarations its run was planned under.

#include <nlohmann/json.hpp>
#include <string>

#include "reports/report_input.h"

namespace totum {

/// SHA-256 of what a table tests and how: its name, metric, grid, cells and tests, without titles, labels and
/// entries, so that a method may join a table later.
std::string declaration_sha256(const TableSpec& table);

/// The table's declaration against those in the runs' run.json, see `declaration` in docs/report-schema.json:
/// "before" (every run with scores was planned under it), "after" (some were not), "unknown" (planned by a
/// program that kept none) or "none" (scores from elsewhere), with a sentence.
nlohmann::json table_declaration(const TableSpec& table, const ReportInput& input);

}  // namespace totum
