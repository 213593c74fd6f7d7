#pragma once
// The sentence for a paper about one comparison, never saying more than the numbers allow.

#include <nlohmann/json.hpp>
#include <string>

#include "reports/table_spec.h"

namespace totum {

/// `test` is an element of report.json's tests.results without its sentence.
std::string comparison_sentence(const nlohmann::json& test, const std::string& reference,
                                const std::string& other, const std::string& cell, const TableSpec& table);

/// Why a test of differences without spread says no more than it does: "identical scores on 12 cases"; empty
/// where the differences vary or their sign alone is significant.
std::string verdict_reason(const nlohmann::json& test);

/// "Holm", "Hochberg" or "Benjamini-Hochberg".
std::string correction_name(const std::string& correction);

/// "0.031", "< 0.001"; with a sign "= 0.031", "< 0.001".
std::string p_text(double p);
std::string p_with_sign(double p);

}  // namespace totum
