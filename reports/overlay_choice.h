#pragma once
// Which cases a reader should look at: the worst and the most disputed one of each modality. Internal to
// reports/.

#include <nlohmann/json.hpp>

#include "reports/report_input.h"

namespace totum {

/// The cases of one table that are to be shown with overlays: for each modality the one where the reference
/// method's mean over organs is worst ("worst"), and of the others the one where it and the best other method
/// differ most, by the mean over organs of the absolute difference of their scores ("disputed"). Each has the
/// organ through which it is cut: of "worst" the one with the worst score (of equals the one with the larger
/// difference), of "disputed" the one with the largest difference. Both methods are shown by their first run
/// with scores. Organs that the case's reference lacks are left out.
///
/// results  the table in report.json, with its values
/// returns  an array, see `overlay` in docs/report-schema.json, without pictures; empty if the reference
///          method has no scores
nlohmann::json overlay_cases(const TableSpec& table, const ReportInput& input, const nlohmann::json& results);

}  // namespace totum
