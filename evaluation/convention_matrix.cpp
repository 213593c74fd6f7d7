#include "evaluation/convention_matrix.h"

#include <algorithm>
#include <tuple>

#include "evaluation/metric.h"

namespace totum {

namespace {

struct Sum {
  double total = 0;
  std::int64_t count = 0;
};

bool counts(const Score& score, EmptyPolicy policy) {
  if (!score.value) return false;
  return score.in_reference || counts_false_organs(policy) || score.metric == "dice_published";
}

ConventionCell cell_of(const std::vector<const Score*>& scores, EmptyPolicy policy) {
  ConventionCell cell{scores.front()->run, scores.front()->metric, policy, std::nullopt, 0, 0};
  std::map<std::int64_t, Sum> by_organ;
  for (const Score* score : scores) {
    if (!counts(*score, policy)) {
      ++cell.not_scored;
      continue;
    }
    Sum& sum = by_organ[score->organ];
    sum.total += *score->value;
    ++sum.count;
    ++cell.values;
  }
  if (by_organ.empty()) return cell;
  double total = 0;
  for (const auto& [organ, sum] : by_organ) total += sum.total / static_cast<double>(sum.count);
  cell.mean = total / static_cast<double>(by_organ.size());
  return cell;
}

std::vector<std::string> order_of(const std::vector<ConventionCell>& cells, const std::string& metric,
                                  EmptyPolicy policy) {
  std::vector<const ConventionCell*> order;
  for (const ConventionCell& cell : cells) {
    if (cell.metric == metric && cell.policy == policy) order.push_back(&cell);
  }
  const bool higher = higher_is_better(metric);
  std::stable_sort(order.begin(), order.end(), [&](const ConventionCell* a, const ConventionCell* b) {
    if (!a->mean || !b->mean) return a->mean.has_value() && !b->mean;
    return higher ? *a->mean > *b->mean : *a->mean < *b->mean;
  });
  std::vector<std::string> runs;
  for (const ConventionCell* cell : order) runs.push_back(cell->run);
  return runs;
}

}  // namespace

ConventionMatrix convention_matrix(const std::map<EmptyPolicy, std::vector<Score>>& scores) {
  std::map<std::tuple<std::string, std::string, EmptyPolicy>, std::vector<const Score*>> groups;
  for (const auto& [policy, of_policy] : scores) {
    for (const Score& score : of_policy) groups[{score.metric, score.run, policy}].push_back(&score);
  }
  ConventionMatrix matrix;
  for (const auto& [key, group] : groups) matrix.cells.push_back(cell_of(group, std::get<2>(key)));
  for (const ConventionCell& cell : matrix.cells) {
    auto& changes = matrix.order_changes[cell.metric];
    const bool seen = std::find(changes.begin(), changes.end(), cell.policy) != changes.end();
    if (!seen && order_of(matrix.cells, cell.metric, cell.policy) !=
                     order_of(matrix.cells, cell.metric, EmptyPolicy::standard))
      changes.push_back(cell.policy);
  }
  std::erase_if(matrix.order_changes, [](const auto& entry) { return entry.second.empty(); });
  return matrix;
}

}  // namespace totum
