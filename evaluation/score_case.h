#pragma once
// All scores of one case on one grid, and the sum that chooses the best checkpoint.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "data/split.h"
#include "data/volume.h"
#include "evaluation/empty_policy.h"
#include "evaluation/scores.h"

namespace totum {

struct CaseToScore {
  std::string run;
  std::string case_id;
  Modality modality = Modality::ct;
  std::string grid;  // "network" or "native"
};

/// Metrics `dice` and `dice_published` of the 13 organs. Relation from the split: is the organ labelled in
/// training data of this modality? Both spans as for overlap_counts(). Empty masks, by default policy: an
/// organ in neither map has no Dice; one that is only predicted, or only missed, has Dice 0; `in_reference`
/// tells these two apart.
std::vector<Score> score_case(const CaseToScore& c, std::span<const std::uint8_t> prediction,
                              std::span<const std::uint8_t> reference, const Split& split);

/// How scores are taken.
struct ScoringOptions {
  std::vector<std::string> metrics;  // ids, in the order in which they are wanted
  EmptyPolicy policy = EmptyPolicy::standard;
  int threads = 1;  // organs at once; any number gives the same bytes
};

/// The wanted metrics of the 13 organs, in physical spacing of `geometry`. Relation and spans as above; empty
/// masks follow the policy. Each organ is cropped to its box before surfaces are measured. Throws DataError
/// if the spans are not the voxels of the geometry, ConfigError for a metric that totum does not know.
std::vector<Score> score_case(const CaseToScore& c, std::span<const std::uint8_t> prediction,
                              std::span<const std::uint8_t> reference, const Geometry& geometry,
                              const Split& split, const ScoringOptions& options);

/// The same under every policy, measured once; options.policy is not read.
std::map<EmptyPolicy, std::vector<Score>> score_case_by_policy(const CaseToScore& c,
                                                               std::span<const std::uint8_t> prediction,
                                                               std::span<const std::uint8_t> reference,
                                                               const Geometry& geometry, const Split& split,
                                                               const ScoringOptions& options);

/// For each organ in `organs`: the mean `metric` over the split's validation cases whose task labels it;
/// summed over the organs. Undefined scores are left out; an organ without a score adds 0. Source: the
/// published code's validate().
double selection_sum(const std::vector<Score>& scores, const Split& split,
                     const std::vector<std::int64_t>& organs, const std::string& metric);

}  // namespace totum
