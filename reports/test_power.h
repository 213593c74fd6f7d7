#pragma once
// How many patients a test of a table would need, as JSON. Internal to reports/.

#include <nlohmann/json.hpp>

#include "evaluation/comparison.h"
#include "reports/table_spec.h"

namespace totum {

/// The power that answers aim at.
constexpr double kWantedPower = 0.8;

/// What the deciding test could find: a difference of the equivalence margin, at the level alpha / family
/// (the strictest step of Holm's correction) and at alpha alone. `test` names the test. The present power of
/// a signed-rank test is simulated from the stored differences; the patients needed for kWantedPower come
/// from the noncentral t distribution (`needed_by` says so), below kFewestPairsOfFormula from simulation too.
/// A mean of cells keeps the cells' present proportion. null for fewer than two patients, or without spread.
nlohmann::json power_json(const PairedComparison& comparison, const TableTests& tests, std::size_t family,
                          std::uint64_t seed);

}  // namespace totum
