#include "evaluation/empty_policy.h"

#include <algorithm>
#include <array>

namespace totum {

namespace {

using Value = std::optional<double>;

bool is_distance(std::string_view metric) { return metric == "hd95" || metric == "assd"; }

// The formula itself: 0/0 is no value, nor is a distance to nothing.
Value by_formula(std::string_view metric, Presence presence) {
  if (metric == "dice" || metric == "iou") return presence == Presence::neither ? Value() : 0.0;
  if (metric == "sensitivity") return presence == Presence::only_missed ? Value(0.0) : Value();
  if (metric == "precision") return presence == Presence::only_predicted ? Value(0.0) : Value();
  return std::nullopt;
}

Value standard(std::string_view metric, Presence presence, double worst_mm) {
  if (presence == Presence::neither) return std::nullopt;
  if (metric == "sensitivity" && presence == Presence::only_predicted) return std::nullopt;  // 0/0
  return is_distance(metric) ? worst_mm : 0.0;
}

Value monai(std::string_view metric, Presence presence) {
  if (metric == "nsd") return presence == Presence::neither ? Value() : 0.0;
  if (presence != Presence::only_missed && (metric == "dice" || metric == "iou")) return std::nullopt;
  return by_formula(metric, presence);
}

Value totalsegmentator(std::string_view metric, Presence presence) {
  if (presence != Presence::only_missed) return std::nullopt;
  return metric == "nsd" ? 0.0 : by_formula(metric, presence);
}

Value metrics_reloaded(std::string_view metric, Presence presence) {
  if (presence == Presence::neither) {
    if (metric == "dice") return 1.0;
    return is_distance(metric) ? Value(0.0) : Value();
  }
  if (metric == "precision") return 0.0;
  return by_formula(metric, presence);
}

}  // namespace

const std::vector<EmptyPolicy>& all_empty_policies() {
  static const std::vector<EmptyPolicy> policies{EmptyPolicy::standard,       EmptyPolicy::nnunet,
                                                 EmptyPolicy::monai,          EmptyPolicy::totalsegmentator,
                                                 EmptyPolicy::published_code, EmptyPolicy::metrics_reloaded};
  return policies;
}

std::string_view to_string(EmptyPolicy policy) {
  constexpr std::array<std::string_view, 6> kNames{"default",          "nnunet",         "monai",
                                                   "totalsegmentator", "published-code", "metrics-reloaded"};
  return kNames.at(static_cast<std::size_t>(policy));
}

std::optional<EmptyPolicy> parse_empty_policy(std::string_view name) {
  for (const EmptyPolicy policy : all_empty_policies()) {
    if (to_string(policy) == name) return policy;
  }
  return std::nullopt;
}

std::optional<double> value_of_empty(EmptyPolicy policy, std::string_view metric, Presence presence,
                                     double worst_mm) {
  switch (policy) {
    case EmptyPolicy::standard:
      return standard(metric, presence, worst_mm);
    case EmptyPolicy::monai:
      return monai(metric, presence);
    case EmptyPolicy::totalsegmentator:
      return totalsegmentator(metric, presence);
    case EmptyPolicy::metrics_reloaded:
      return metrics_reloaded(metric, presence);
    case EmptyPolicy::published_code:
      return metric == "dice" ? Value(0.0) : by_formula(metric, presence);
    case EmptyPolicy::nnunet:
      break;
  }
  return by_formula(metric, presence);
}

bool counts_false_organs(EmptyPolicy policy) { return policy != EmptyPolicy::standard; }

}  // namespace totum
