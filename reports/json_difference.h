#pragma once
// The first difference between what a report holds and what is computed again, in words. Internal to
// reports/.

#include <nlohmann/json.hpp>
#include <string>

namespace totum {

/// Empty if both are equal. Places are named by what stands there: "cell ct_ct of single/mean", "seed-1 of
/// single"; what one side alone has is named, wherever it stands in its array.
std::string first_difference(const nlohmann::json& stored, const nlohmann::json& computed);

}  // namespace totum
