#pragma once
// From task-wise heads to one prediction of all organs, for every baseline that has one head for each task.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <vector>

#include "data/split.h"

namespace totum {

/// For each organ 1..C the task that owns it (index into `tasks`): the first that labels it; -1 if none does.
std::vector<std::int64_t> owning_tasks(const std::vector<Task>& tasks);

/// heads[t] [B,1+|L_t|,D,H,W]: softmax probabilities of task t's head, background first. Organ c comes from
/// its owner's head, background is the smallest background of all heads; divided by the sum over the
/// channels. An organ without owner has probability 0. Returns [B,1+C,D,H,W].
at::Tensor assemble_organs(const std::vector<at::Tensor>& heads, const std::vector<Task>& tasks);

/// From one sigmoid for each organ, [B,C,D,H,W] (0 for an organ without owner): background is 1 minus the
/// largest of them; divided by the sum over the channels. Returns [B,1+C,D,H,W].
at::Tensor assemble_sigmoids(const at::Tensor& organs);

/// Class indices of each task's organs as int64 tensors [|L_t|] where the network is.
std::vector<at::Tensor> organ_indices(const std::vector<Task>& tasks, const c10::Device& device);

}  // namespace totum
