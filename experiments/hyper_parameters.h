#pragma once
// Where every hyper-parameter of a run came from: its method's own paper, the code that was published with
// it, or us. experiments/hyper_parameters.json is the table.

#include <nlohmann/json.hpp>
#include <string>

#include "experiments/plan.h"

namespace totum {

/// The table: {"common": {NAME: ORIGIN}, "methods": {METHOD: {NAME: ORIGIN}}}, names as paths ("seg/dice")
/// and ORIGIN = {"default", "origin": "paper"|"code"|"ours", "paper", "code"}: what holds where nothing is
/// set, where that comes from, and other values that come from the paper or the code. "default" is null where
/// it depends on the data. Throws ConfigError for anything else.
nlohmann::json read_hyper_parameter_table();

/// Every option of the run's method with its value and origin, by name, and what the preset sets for all
/// methods: {"options": [{"name", "value", "origin"}], "common": […]}. A value that neither paper nor
/// code has is "ours"; an option that the table lacks is "not stated".
nlohmann::json hyper_parameters(const RunRecord& record, const nlohmann::json& table);

}  // namespace totum
