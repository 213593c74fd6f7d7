#pragma once
// The same predictions scored under every policy for empty masks, side by side: does the order of methods
// hang on it?

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "evaluation/empty_policy.h"
#include "evaluation/scores.h"

namespace totum {

/// One metric of one run under one policy: mean over patients for each organ, then over organs, each mean
/// over what the policy counts.
struct ConventionCell {
  std::string run, metric;
  EmptyPolicy policy = EmptyPolicy::standard;
  std::optional<double> mean;   // nullopt if nothing counts
  std::int64_t values = 0;      // (case, organ) in the mean
  std::int64_t not_scored = 0;  // (case, organ) left out
};

struct ConventionMatrix {
  std::vector<ConventionCell> cells;  // by metric, run, policy
  /// metric -> the policies under which the runs' order by mean is another one than by default (runs without
  /// a mean stand last); no entry where none is.
  std::map<std::string, std::vector<EmptyPolicy>> order_changes;
};

/// `scores` by policy: the same cases, organs, runs and metrics under each.
ConventionMatrix convention_matrix(const std::map<EmptyPolicy, std::vector<Score>>& scores);

}  // namespace totum
