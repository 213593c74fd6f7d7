#include "methods/organ_sets.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace totum {

namespace {

bool labels(const Task& task, std::int64_t organ) {
  return std::find(task.organs.begin(), task.organs.end(), organ) != task.organs.end();
}

bool is_labelled_in(const std::vector<Task>& tasks, Modality modality, std::int64_t organ) {
  return std::any_of(tasks.begin(), tasks.end(),
                     [&](const Task& task) { return task.modality == modality && labels(task, organ); });
}

OrganSets sets_of(const Task& task, const std::vector<Task>& tasks, const c10::Device& device) {
  std::vector<std::int64_t> labelled, unlabelled, cross, judged, aligned;
  for (std::int64_t organ = 1; organ <= kOrgans; ++organ) {
    (labels(task, organ) ? labelled : unlabelled).push_back(organ);
    const bool here = is_labelled_in(tasks, task.modality, organ);
    const bool there = is_labelled_in(tasks, other(task.modality), organ);
    if (there && !here) cross.push_back(organ);
    if (!there && !here) continue;  // nobody labels it, so its maps are neither kind
    judged.push_back(organ);
    aligned.push_back(here ? 1 : 0);
  }
  const auto tensor = [&](const std::vector<std::int64_t>& organs) {
    return at::tensor(organs, at::kLong).to(device);
  };
  return {tensor(labelled), tensor(unlabelled), tensor(cross), tensor(judged), tensor(aligned)};
}

}  // namespace

OrganTable::OrganTable(const std::vector<Task>& tasks, const c10::Device& device) {
  at::Tensor known = at::zeros({static_cast<std::int64_t>(tasks.size()), 1 + kOrgans}, at::kBool);
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    sets_.push_back(sets_of(tasks[t], tasks, device));
    for (const std::int64_t organ : tasks[t].organs) known[static_cast<std::int64_t>(t)][organ] = true;
  }
  is_known_ = known.to(device);
}

const OrganSets& OrganTable::of(const Batch& batch, std::int64_t b) const {
  return sets_[static_cast<std::size_t>(batch.task[static_cast<std::size_t>(b)])];
}

at::Tensor OrganTable::known_labels(const Batch& batch) const {
  const at::Tensor task = at::tensor(batch.task, at::kLong).to(batch.label.device());
  const at::Tensor is_known =
      is_known_.index_select(0, task).gather(1, batch.label.flatten(1)).view_as(batch.label);
  return batch.label * is_known;
}

}  // namespace totum
