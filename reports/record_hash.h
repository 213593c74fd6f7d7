#pragma once
// The hash of a run's configuration, from its run.json alone.

#include <nlohmann/json.hpp>
#include <string>

namespace totum {

/// SHA-256 of what decides a run's result: preset, method, options, seed and device, without the description,
/// the other seeds, other methods' options and how often is logged and saved. run.json holds it under
/// hashes.config.
std::string config_sha256(const nlohmann::json& record);

}  // namespace totum
