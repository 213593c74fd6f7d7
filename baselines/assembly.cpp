#include "baselines/assembly.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace totum {

std::vector<std::int64_t> owning_tasks(const std::vector<Task>& tasks) {
  std::vector<std::int64_t> owner(static_cast<std::size_t>(kOrgans), -1);
  for (std::size_t t = tasks.size(); t-- > 0;) {
    for (const std::int64_t organ : tasks[t].organs)
      owner[static_cast<std::size_t>(organ - 1)] = static_cast<std::int64_t>(t);
  }
  return owner;
}

at::Tensor assemble_organs(const std::vector<at::Tensor>& heads, const std::vector<Task>& tasks) {
  TORCH_CHECK(heads.size() == tasks.size() && !heads.empty(), "there must be one head for each task");
  std::vector<at::Tensor> channels(static_cast<std::size_t>(kOrgans) + 1);
  channels[0] = heads[0].select(1, 0);
  for (const at::Tensor& head : heads) channels[0] = at::minimum(channels[0], head.select(1, 0));
  const auto owner = owning_tasks(tasks);
  for (std::size_t organ = 1; organ < channels.size(); ++organ) {
    const std::int64_t t = owner[organ - 1];
    if (t < 0) {
      channels[organ] = at::zeros_like(channels[0]);
      continue;
    }
    const auto& organs = tasks[static_cast<std::size_t>(t)].organs;
    const auto place =
        std::find(organs.begin(), organs.end(), static_cast<std::int64_t>(organ)) - organs.begin();
    channels[organ] = heads[static_cast<std::size_t>(t)].select(1, 1 + place);
  }
  const at::Tensor stacked = at::stack(channels, 1);
  return stacked / stacked.sum(1, true);
}

at::Tensor assemble_sigmoids(const at::Tensor& organs) {
  const at::Tensor background = 1 - std::get<0>(organs.max(1, /*keepdim=*/true));
  const at::Tensor stacked = at::cat({background, organs}, 1);
  return stacked / stacked.sum(1, true);
}

std::vector<at::Tensor> organ_indices(const std::vector<Task>& tasks, const c10::Device& device) {
  std::vector<at::Tensor> indices;
  indices.reserve(tasks.size());
  for (const Task& task : tasks) indices.push_back(at::tensor(task.organs, at::kLong).to(device));
  return indices;
}

}  // namespace totum
