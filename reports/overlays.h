#pragma once
// Overlays of the chosen cases: what the label maps look like on the images.

#include <filesystem>
#include <nlohmann/json.hpp>

#include "reports/report_input.h"

namespace totum {

/// The report's `overlays` without pictures: the cases of all tables, the legend, and under `why` the reason
/// why there are no pictures yet or at all.
nlohmann::json overlays(const ReportInput& input, const nlohmann::json& tables);

/// Adds the pictures of the chosen cases to a report of runs, from the runs' label maps on the network grid
/// and the cached preprocessed images (RUN/inputs.json says where dataset, split and cache are). A case whose
/// files are not there, or not what the run wrote, keeps its reason under `why` instead.
///
/// runs  the folder that `report` was made from
void add_overlay_pictures(nlohmann::json& report, const std::filesystem::path& runs);

/// `overlays` without what add_overlay_pictures() adds or removes: what the scores decide.
nlohmann::json without_pictures(nlohmann::json overlays);

}  // namespace totum
