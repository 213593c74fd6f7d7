#include "baselines/class_memory.h"

#include <torch/torch.h>

#include <algorithm>

namespace totum {

ClassMemory::ClassMemory(std::int64_t classes, std::int64_t capacity, const c10::Device& device)
    : vectors_(at::zeros({classes, capacity, kContrastWidth}, at::TensorOptions(device).dtype(at::kFloat))),
      counts_(at::zeros({classes}, at::kLong)) {}

at::Tensor ClassMemory::of(std::int64_t of_class) const {
  return vectors_[of_class].narrow(0, 0, counts_[of_class].item<std::int64_t>());
}

void ClassMemory::add(std::int64_t of_class, const at::Tensor& vectors) {
  const torch::NoGradGuard no_grad;
  const at::Tensor all = at::cat({vectors.detach().to(vectors_.scalar_type()), of(of_class)});
  const std::int64_t kept = std::min(all.size(0), vectors_.size(1));
  vectors_[of_class].narrow(0, 0, kept).copy_(all.narrow(0, 0, kept));
  counts_[of_class] = kept;
}

void ClassMemory::visit_state(StateVisitor& visitor, const std::string& prefix) {
  visitor.tensor(prefix + "vectors", vectors_);
  visitor.tensor(prefix + "counts", counts_);
}

at::Tensor trusted_classes(const at::Tensor& probability, const at::Tensor& label, const at::Tensor& given,
                           double confidence) {
  const auto [best, found] = probability.detach().max(1);
  const at::Tensor is_known = given.logical_or(label == 0);
  return at::where(is_known & (found == label) & (best > confidence), label, -1);
}

void remember(ClassMemory& memory, ContrastHeads& teacher, const at::Tensor& features,
              const std::vector<std::int64_t>& counts, std::int64_t most) {
  if (features.size(0) < 2) return;
  const torch::NoGradGuard no_grad;
  const at::Tensor projected = teacher->project(features);
  std::int64_t first = 0;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] == 0) continue;
    at::Tensor mine = projected.narrow(0, first, counts[c]);
    first += counts[c];
    if (counts[c] > most) {
      const at::Tensor order =
          teacher->feature_scores(c, mine).argsort(/*stable=*/true, 0, /*descending=*/true);
      mine = mine.index_select(0, order.narrow(0, 0, most));
    }
    memory.add(static_cast<std::int64_t>(c), mine);
  }
}

}  // namespace totum
