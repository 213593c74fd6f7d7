#include "evaluation/score_case.h"

#include <algorithm>
#include <map>

#include "evaluation/dice.h"

namespace totum {

std::vector<Score> score_case(const CaseToScore& c, std::span<const std::uint8_t> prediction,
                              std::span<const std::uint8_t> reference, const Split& split) {
  const auto counts = overlap_counts(prediction, reference);
  std::vector<Score> scores;
  for (std::int64_t organ = 1; organ <= kOrgans; ++organ) {
    const OverlapCounts& overlap = counts[static_cast<std::size_t>(organ - 1)];
    const Relation relation =
        split.labelled_in_modality(organ, c.modality) ? Relation::intra : Relation::cross;
    const Score base{c.run,  c.case_id,     c.modality,           organ, relation, c.grid,
                     "dice", dice(overlap), overlap.reference > 0};
    scores.push_back(base);
    scores.push_back(base);
    scores.back().metric = "dice_published";
    scores.back().value = dice_published(overlap);
  }
  return scores;
}

double selection_sum(const std::vector<Score>& scores, const Split& split,
                     const std::vector<std::int64_t>& organs, const std::string& metric) {
  std::map<std::string, const Task*> task_of;
  for (const SplitCase& c : split.in(Subset::val)) task_of[c.case_id] = &split.task_of(c);
  std::map<std::int64_t, std::pair<double, std::int64_t>> by_organ;  // sum and count
  for (const Score& score : scores) {
    const auto task = task_of.find(score.case_id);
    if (score.metric != metric || !score.value || task == task_of.end()) continue;
    if (!score.in_reference && metric != "dice_published") continue;  // as in every cell of the tables
    const auto& labelled = task->second->organs;
    if (std::find(labelled.begin(), labelled.end(), score.organ) == labelled.end()) continue;
    auto& [sum, count] = by_organ[score.organ];
    sum += *score.value;
    ++count;
  }
  double total = 0;
  for (const std::int64_t organ : organs) {
    const auto found = by_organ.find(organ);
    if (found != by_organ.end()) total += found->second.first / static_cast<double>(found->second.second);
  }
  return total;
}

}  // namespace totum
