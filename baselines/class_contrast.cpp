#include "baselines/class_contrast.h"

#include <torch/torch.h>

#include <numeric>

namespace totum {

namespace {

// `count` distinct numbers of 0..n-1: the beginning of a Fisher-Yates shuffle.
at::Tensor draw_distinct(std::int64_t n, std::int64_t count, RandomStream& random) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (std::int64_t i = 0; i < count; ++i) {
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(i + random.below(n - i))]);
  }
  order.resize(static_cast<std::size_t>(count));
  return at::tensor(order, at::kLong);
}

at::Tensor unit_vectors(const at::Tensor& vectors) {
  return vectors / vectors.norm(2, 1, true).clamp_min(1e-12);
}

// Mean over i of w_i v_i.
at::Tensor weighted_mean(const at::Tensor& vectors, const at::Tensor& weights) {
  return weights.matmul(vectors) / static_cast<double>(vectors.size(0));
}

}  // namespace

ClassVoxels voxels_by_class(const at::Tensor& label, std::int64_t classes, std::int64_t most,
                            RandomStream& random) {
  const at::Tensor flat = label.flatten();
  ClassVoxels found;
  std::vector<at::Tensor> parts;
  for (std::int64_t c = 0; c < classes; ++c) {
    at::Tensor mine = (flat == c).nonzero().squeeze(1);
    if (mine.size(0) > most) {
      mine = mine.index_select(0, draw_distinct(mine.size(0), most, random).to(mine.device()));
    }
    found.counts.push_back(mine.size(0));
    parts.push_back(mine);
  }
  found.index = at::cat(parts);
  return found;
}

at::Tensor selector_weights(const at::Tensor& scores) {
  return static_cast<double>(scores.size(0)) * scores / scores.sum();
}

// Both kinds of weights have mean 1, so the mean of w_i w'_j (1 - f_i·μ_j) is 1 minus the product of the
// weighted means of f and of μ; the matrix of all pairs is not needed.
at::Tensor class_contrast(ContrastHeads& heads, const at::Tensor& vectors,
                          const std::vector<std::int64_t>& counts, const ClassMemory& memory) {
  at::Tensor loss = at::zeros({}, vectors.options());
  std::int64_t first = 0;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    const at::Tensor mine = vectors.narrow(0, first, counts[c]);
    first += counts[c];
    const at::Tensor kept = memory.of(static_cast<std::int64_t>(c)).to(vectors.scalar_type());
    if (mine.size(0) < 2 || kept.size(0) < 2) continue;
    const at::Tensor units = unit_vectors(kept);
    const at::Tensor weights = selector_weights(heads->feature_scores(c, mine.detach()));
    const at::Tensor memory_weights = selector_weights(heads->memory_scores(c, units));
    loss = loss + 1 - weighted_mean(unit_vectors(mine), weights).dot(weighted_mean(units, memory_weights));
  }
  return loss / static_cast<double>(counts.size());
}

}  // namespace totum
