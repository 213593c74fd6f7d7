#pragma once
// The ledger: what every method of a report was given and what it cost, so that a reader can judge whether
// the comparison is fair.

#include <nlohmann/json.hpp>

#include "reports/report_input.h"

namespace totum {

/// For every entry with a finished run that kept a ledger: counts, means over its runs, and each option with
/// its value and origin; then the settings that all methods share. Nothing in it depends on time or machine.
/// docs/report-schema.json describes it.
nlohmann::json make_ledger(const ReportInput& input);

/// What was measured in the runs of one of the ledger's entries, from report.json's "times": means of
/// "training_s" and "prediction_s", the largest "peak_memory_bytes" and "peak_device_bytes"; null for what no
/// run has.
nlohmann::json ledger_measured(const nlohmann::json& report, const nlohmann::json& entry);

}  // namespace totum
