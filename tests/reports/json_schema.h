#pragma once
// Validation against the part of JSON Schema 2020-12 that docs/report-schema.json uses. An unknown keyword is
// a fault, so that the schema can't say what nobody checks.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace totum {

/// All faults of `document`, each with its JSON path; empty if it is valid.
std::vector<std::string> schema_faults(const nlohmann::json& document, const nlohmann::json& schema);

}  // namespace totum
