#pragma once
// What a metric is worth when an organ is missing from the prediction, the reference or both.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace totum {

/// Named after the programs whose rule they are; docs/metrics.md has them side by side.
enum class EmptyPolicy : std::uint8_t {
  standard,  // "default": nothing if in neither; a miss and a false organ take the worst value
  nnunet,
  monai,
  totalsegmentator,
  published_code,
  metrics_reloaded
};
std::string_view to_string(EmptyPolicy policy);  // "default", "nnunet", "monai", "totalsegmentator", …
std::optional<EmptyPolicy> parse_empty_policy(std::string_view name);
const std::vector<EmptyPolicy>& all_empty_policies();

enum class Presence : std::uint8_t { both, neither, only_predicted, only_missed };

/// The value of a metric where `presence` is not `both`; nullopt where the policy gives none (it counts in no
/// mean). Infinite values of other programs are none, since no mean takes them. `worst_mm` is what a distance
/// takes at worst: the image's diagonal. Only for the metrics that emptiness decides: dice, iou, sensitivity,
/// precision, nsd, hd95, assd.
///
/// Sources: nnunetv2/evaluation/evaluate_predictions.py; MONAI 1.6.1 (ignore_empty), from the parity
/// fixtures; TotalSegmentator resources/evaluate.py; the paper's code; MetricsReloaded
/// metrics/pairwise_measures.py.
std::optional<double> value_of_empty(EmptyPolicy policy, std::string_view metric, Presence presence,
                                     double worst_mm);

/// Does a score of an organ that only the prediction has enter a mean under this policy? By default the
/// reference alone decides what is averaged.
bool counts_false_organs(EmptyPolicy policy);

}  // namespace totum
