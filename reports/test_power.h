#pragma once
// How many patients a test of a table would need, as JSON. Internal to reports/.

#include <nlohmann/json.hpp>

#include "evaluation/comparison.h"
#include "reports/table_spec.h"

namespace totum {

/// The power that answers aim at.
constexpr double kWantedPower = 0.8;

/// From the spread of one comparison's stored differences: the power that its patients have for a difference
/// of the equivalence margin, and the patients needed for kWantedPower; for a mean of cells in the cells'
/// present proportion. At the level alpha / family, the strictest step of Holm's correction, and at alpha
/// alone. null for fewer than two patients.
nlohmann::json power_json(const PairedComparison& comparison, const TableTests& tests, std::size_t family);

}  // namespace totum
