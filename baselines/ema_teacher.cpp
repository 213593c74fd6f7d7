#include "baselines/ema_teacher.h"

#include <torch/torch.h>

#include <vector>

namespace totum {

void follow_student(torch::nn::Module& teacher, torch::nn::Module& student, double momentum) {
  const torch::NoGradGuard no_grad;
  const auto blend = [momentum](const std::vector<at::Tensor>& mine, const std::vector<at::Tensor>& theirs) {
    TORCH_CHECK(mine.size() == theirs.size(), "teacher and student are different networks");
    for (std::size_t i = 0; i < mine.size(); ++i) {
      if (momentum == 0 || !mine[i].is_floating_point()) {
        mine[i].copy_(theirs[i]);
      } else {
        mine[i].mul_(momentum).add_(theirs[i], 1 - momentum);
      }
    }
  };
  blend(teacher.parameters(), student.parameters());
  blend(teacher.buffers(), student.buffers());
}

void freeze(torch::nn::Module& module) {
  for (at::Tensor& parameter : module.parameters()) parameter.requires_grad_(false);
}

}  // namespace totum
