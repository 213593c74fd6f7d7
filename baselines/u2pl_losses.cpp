#include "baselines/u2pl_losses.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/random.h"

namespace totum {

namespace {

at::Tensor percentile_of_sorted(const at::Tensor& sorted, double q) {
  const std::int64_t count = sorted.size(0);
  if (count == 0) return at::full({}, std::numeric_limits<double>::infinity(), sorted.options());
  const double place = q / 100 * static_cast<double>(count - 1);
  const auto below = std::min(count - 1, static_cast<std::int64_t>(std::floor(place)));
  const std::int64_t above = std::min(count - 1, below + 1);
  return at::lerp(sorted[below], sorted[above], place - static_cast<double>(below));
}

}  // namespace

double unreliable_share(double drop, std::int64_t epoch, std::int64_t epochs) {
  return drop * (1 - static_cast<double>(epoch) / static_cast<double>(epochs));
}

EntropyMasks split_by_entropy(const at::Tensor& entropy, const at::Tensor& open, double share) {
  const at::Tensor sorted = std::get<0>(entropy.masked_select(open).sort());
  return {open.logical_and(entropy <= percentile_of_sorted(sorted, 100 * share)),
          open.logical_and(entropy >= percentile_of_sorted(sorted, 100 * (1 - share)))};
}

at::Tensor reliable_cross_entropy(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& open,
                                  const at::Tensor& unreliable) {
  constexpr std::int64_t kIgnored = -100;
  const at::Tensor reliable = open.logical_and(unreliable.logical_not());
  const at::Tensor sum = at::cross_entropy_loss(logits, label.masked_fill(reliable.logical_not(), kIgnored),
                                                {}, at::Reduction::Sum, kIgnored);
  const at::Tensor count = reliable.sum().clamp_min(1).to(logits.scalar_type());
  return sum / count * (open.sum() / count);
}

at::Tensor nearest_resized(const at::Tensor& x, at::IntArrayRef size) {
  at::Tensor y = x;
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    const std::int64_t from = x.size(axis - 3), to = size[static_cast<std::size_t>(axis)];
    const at::Tensor index = at::arange(to, x.options().dtype(at::kLong)) * from;
    y = y.index_select(axis - 3 + x.dim(), index.floor_divide(to));
  }
  return y;
}

ContrastMasks contrast_masks(const ContrastVoxels& voxels, double anchor_probability, std::int64_t low_rank) {
  const at::Tensor p = voxels.probability.t();  // [1+C,M]
  const at::Tensor classes = at::arange(p.size(0), voxels.label.options()).unsqueeze(1);
  const at::Tensor is_labelled_so = voxels.label.unsqueeze(0) == classes;
  const at::Tensor positive = is_labelled_so.logical_and(voxels.given.logical_or(voxels.low));
  const at::Tensor order = p.argsort(/*stable=*/true, /*dim=*/0, /*descending=*/true);
  const at::Tensor is_probable = order.argsort(/*stable=*/true, 0, false) < low_rank;  // its rank, from 0
  const at::Tensor of_given = voxels.given.logical_and(is_labelled_so.logical_not()).logical_and(is_probable);
  const at::Tensor of_open =
      voxels.high.logical_and(voxels.given.logical_not().logical_and(is_probable.logical_not()));
  return {positive, positive.logical_and(p > anchor_probability), of_given.logical_or(of_open)};
}

namespace {

at::Tensor unit_vectors(const at::Tensor& x) {  // as at::cosine_similarity
  return x / x.norm(2, -1, true).clamp_min(1e-8);
}

// The voxels that a mask [1+C,M] holds, class by class. Waits for the device once: how many there are decides
// what is drawn and where the bank continues.
struct VoxelLists {
  at::Tensor voxel;                 // of all classes, one behind the other
  std::vector<std::int64_t> count;  // by class
  std::vector<std::int64_t> begin;  // by class

  explicit VoxelLists(const at::Tensor& mask) : voxel(mask.nonzero().select(1, 1)) {
    const at::Tensor counts = mask.sum(1).cpu();
    std::int64_t total = 0;
    for (std::int64_t c = 0; c < counts.size(0); ++c) {
      begin.push_back(total);
      count.push_back(counts[c].item<std::int64_t>());
      total += count.back();
    }
  }
};

// `n` numbers below `below`, with replacement.
at::Tensor draw(const DrawKey& key, const char* purpose, std::size_t c, std::int64_t n, std::int64_t below) {
  RandomStream random(key.seed, purpose, static_cast<std::uint64_t>(key.iteration), c);
  at::Tensor drawn = at::empty({n}, at::kLong);
  auto* out = drawn.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < n; ++i) out[i] = random.below(below);
  return drawn;
}

}  // namespace

at::Tensor contrastive_loss(const at::Tensor& student, const at::Tensor& teacher, const ContrastMasks& masks,
                            const MemoryBank& bank, const ContrastSettings& settings, const DrawKey& key) {
  const at::Tensor zero = at::zeros({}, student.options());
  const at::Tensor members = masks.positive.sum(1);  // [1+C]
  const at::Tensor present = (members > 0).sum();
  const at::Tensor means =
      masks.positive.to(teacher.scalar_type()).matmul(teacher.detach()) / members.clamp_min(1).unsqueeze(1);
  const at::Tensor positives = unit_vectors(means);  // [1+C,width]
  const VoxelLists anchors(masks.anchor);
  at::Tensor sum = zero;
  for (std::size_t c = 0; c < anchors.count.size(); ++c) {
    const auto organ = static_cast<std::int64_t>(c);
    if (anchors.count[c] == 0 || bank.size(organ) == 0) continue;
    const at::Tensor place = draw(key, "u2pl/anchors", c, settings.queries, anchors.count[c]);
    // A voxel may be drawn more than once: taken once and repeated by a product with zeros and ones, whose
    // gradient adds in one order on a GPU too.
    const auto [distinct, which] = at::_unique(place + anchors.begin[c], true, /*return_inverse=*/true);
    const at::Tensor voxel = anchors.voxel.index_select(0, distinct.to(student.device()));
    const at::Tensor repeat = at::one_hot(which, distinct.size(0)).to(student.options());  // [Q,distinct]
    const at::Tensor anchor =
        repeat.matmul(unit_vectors(student.index_select(0, voxel))).unsqueeze(2);  // [Q,width,1]
    const at::Tensor drawn =
        draw(key, "u2pl/negatives", c, settings.queries * settings.negatives, bank.size(organ));
    const at::Tensor negative = bank.vectors(organ)
                                    .index_select(0, drawn.to(student.device()))
                                    .to(student.scalar_type())
                                    .view({settings.queries, settings.negatives, -1});
    const at::Tensor right = anchor.squeeze(2).matmul(positives[organ]).unsqueeze(1);  // [Q,1]
    const at::Tensor wrong = negative.bmm(anchor).squeeze(2);                          // [Q,negatives]
    const at::Tensor scores = at::cat({right, wrong}, 1) / settings.temperature;
    sum = sum - scores.log_softmax(1).select(1, 0).mean();
  }
  return at::where(present < 2, zero, sum / present.clamp_min(2));
}

void remember_negatives(MemoryBank& bank, const at::Tensor& teacher, const at::Tensor& negative) {
  const VoxelLists lists(negative);
  const at::Tensor directions = unit_vectors(teacher.detach());  // only angles are ever asked for
  for (std::size_t c = 0; c < lists.count.size(); ++c) {
    if (lists.count[c] == 0) continue;
    const at::Tensor voxel = lists.voxel.narrow(0, lists.begin[c], lists.count[c]);
    bank.append(static_cast<std::int64_t>(c), directions.index_select(0, voxel));
  }
}

}  // namespace totum
