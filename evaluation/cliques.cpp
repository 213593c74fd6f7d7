#include "evaluation/cliques.h"

#include <algorithm>

namespace totum {

namespace {

using Members = std::vector<std::size_t>;

class Search {
 public:
  explicit Search(const std::vector<std::vector<bool>>& differs) : differs_(differs) {}

  std::vector<Members> run() {
    Members all;
    for (std::size_t i = 0; i < differs_.size(); ++i) all.push_back(i);
    if (!all.empty()) extend({}, all, {});
    std::sort(found_.begin(), found_.end());
    return std::move(found_);
  }

 private:
  [[nodiscard]] bool are_alike(std::size_t i, std::size_t j) const { return i != j && !differs_[i][j]; }

  [[nodiscard]] Members alike(const Members& members, std::size_t to) const {
    Members kept;
    std::copy_if(members.begin(), members.end(), std::back_inserter(kept),
                 [&](std::size_t member) { return are_alike(member, to); });
    return kept;
  }

  // All largest groups that hold `group`, some of `candidates` and none of `excluded`.
  void extend(Members group, Members candidates, Members excluded) {
    if (candidates.empty()) {
      if (!excluded.empty()) return;  // it could grow, so it was found already
      std::sort(group.begin(), group.end());
      found_.push_back(std::move(group));
      return;
    }
    const std::size_t pivot = *std::max_element(candidates.begin(), candidates.end(), [&](auto x, auto y) {
      return alike(candidates, x).size() < alike(candidates, y).size();
    });
    for (const std::size_t next : Members(candidates)) {
      if (are_alike(pivot, next)) continue;
      Members larger = group;
      larger.push_back(next);
      extend(std::move(larger), alike(candidates, next), alike(excluded, next));
      candidates.erase(std::find(candidates.begin(), candidates.end(), next));
      excluded.push_back(next);
    }
  }

  const std::vector<std::vector<bool>>& differs_;
  std::vector<Members> found_;
};

}  // namespace

std::vector<std::vector<std::size_t>> groups_without_difference(
    const std::vector<std::vector<bool>>& differs) {
  return Search(differs).run();
}

}  // namespace totum
