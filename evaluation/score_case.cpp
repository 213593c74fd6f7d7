#include "evaluation/score_case.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.h"
#include "core/parallel.h"
#include "evaluation/dice.h"
#include "evaluation/metric.h"
#include "evaluation/surface_distance.h"

namespace totum {

namespace {

// One organ's label maps, as far as metrics need them.
struct OrganInCase {
  std::int64_t organ;
  OverlapCounts counts;
  double voxel_ml, diagonal_mm;
  std::optional<double> nsd, hd95_mm, assd_mm;  // none where no metric needs them

  [[nodiscard]] Presence presence() const {
    if (counts.prediction == 0) return counts.reference == 0 ? Presence::neither : Presence::only_missed;
    return counts.reference == 0 ? Presence::only_predicted : Presence::both;
  }
};

double ratio(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

std::optional<double> volume_error_ml(const OrganInCase& o) {
  if (o.presence() == Presence::neither) return std::nullopt;
  return std::abs(static_cast<double>(o.counts.prediction - o.counts.reference)) * o.voxel_ml;
}

std::optional<double> value_of(const std::string& metric, const OrganInCase& o, EmptyPolicy policy) {
  const OverlapCounts& counts = o.counts;
  if (metric == "dice_published") return dice_published(counts);
  if (metric == "volume_error_ml") return volume_error_ml(o);
  if (o.presence() != Presence::both) return value_of_empty(policy, metric, o.presence(), o.diagonal_mm);
  if (metric == "dice") return policy == EmptyPolicy::published_code ? dice_published(counts) : dice(counts);
  if (metric == "iou") return ratio(counts.both, counts.prediction + counts.reference - counts.both);
  if (metric == "sensitivity") return ratio(counts.both, counts.reference);
  if (metric == "precision") return ratio(counts.both, counts.prediction);
  if (metric == "nsd") return o.nsd;
  return metric == "hd95" ? o.hd95_mm : o.assd_mm;
}

// The longest of the image's four diagonals, which are equal but under shear.
double diagonal_mm(const Geometry& geometry) {
  double squares = 0;
  if (!is_sheared(geometry)) {
    const Vector3 spacing = spacing_mm_xyz(geometry);
    for (std::size_t axis = 0; axis < 3; ++axis)
      squares += std::pow(spacing[axis] * static_cast<double>(geometry.size_xyz[axis]), 2);
    return std::sqrt(squares);
  }
  const auto size = geometry.size_xyz;
  for (const auto& [x, y] : {std::pair{1, 1}, {-1, 1}, {1, -1}, {-1, -1}}) {
    double along = 0;
    for (std::size_t row = 0; row < 3; ++row) {
      const auto& a = geometry.affine[row];
      along += std::pow(a[0] * static_cast<double>(x * size[0]) + a[1] * static_cast<double>(y * size[1]) +
                            a[2] * static_cast<double>(size[2]),
                        2);
    }
    squares = std::max(squares, along);
  }
  return std::sqrt(squares);
}

// True if a wanted metric needs surfaces.
bool check_metrics(const std::vector<std::string>& wanted) {
  bool surfaces = false;
  for (const std::string& id : wanted) {
    const MetricDescription* metric = find_metric(id);
    if (metric == nullptr)
      throw ConfigError(
          fmt::format("there is no metric \"{}\"; must be one of {}", id, fmt::join(metric_ids(), ", ")));
    surfaces = surfaces || metric->needs_surfaces;
  }
  return surfaces;
}

std::vector<OrganInCase> measure(const CaseToScore& c, std::span<const std::uint8_t> prediction,
                                 std::span<const std::uint8_t> reference, const Geometry& geometry,
                                 const ScoringOptions& options) {
  const bool surfaces = check_metrics(options.metrics);
  if (reference.size() != static_cast<std::size_t>(geometry.voxels()))
    throw DataError(
        fmt::format("case {}: {} voxels on a grid of {}", c.case_id, reference.size(), geometry.voxels()));
  const auto counts = overlap_counts(prediction, reference);
  const auto boxes =
      surfaces ? organ_boxes(prediction, reference, geometry.shape()) : std::array<VoxelBox, kOrgans>{};
  std::vector<OrganInCase> organs;
  for (std::int64_t organ = 1; organ <= kOrgans; ++organ)
    organs.push_back({organ,
                      counts[static_cast<std::size_t>(organ - 1)],
                      voxel_volume_ml(geometry),
                      diagonal_mm(geometry),
                      {},
                      {},
                      {}});
  if (!surfaces) return organs;
  parallel_for(kOrgans, options.threads, [&](std::int64_t i) {
    OrganInCase& o = organs[static_cast<std::size_t>(i)];
    if (o.presence() != Presence::both) return;
    const auto distances =
        surface_distances_mm(prediction, reference, geometry, boxes[static_cast<std::size_t>(i)], o.organ);
    o.nsd = totum::nsd(distances, nsd_tolerances_mm()[static_cast<std::size_t>(i)]);
    o.hd95_mm = totum::hd95_mm(distances);
    o.assd_mm = totum::assd_mm(distances);
  });
  return organs;
}

std::vector<Score> scores_of(const CaseToScore& c, const std::vector<OrganInCase>& organs, const Split& split,
                             const std::vector<std::string>& metrics, EmptyPolicy policy) {
  std::vector<Score> scores;
  for (const OrganInCase& o : organs) {
    const Relation relation =
        split.labelled_in_modality(o.organ, c.modality) ? Relation::intra : Relation::cross;
    for (const std::string& metric : metrics) {
      scores.push_back({c.run, c.case_id, c.modality, o.organ, relation, c.grid, metric,
                        value_of(metric, o, policy), o.counts.reference > 0});
    }
  }
  return scores;
}

}  // namespace

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

std::vector<Score> score_case(const CaseToScore& c, std::span<const std::uint8_t> prediction,
                              std::span<const std::uint8_t> reference, const Geometry& geometry,
                              const Split& split, const ScoringOptions& options) {
  return scores_of(c, measure(c, prediction, reference, geometry, options), split, options.metrics,
                   options.policy);
}

std::map<EmptyPolicy, std::vector<Score>> score_case_by_policy(const CaseToScore& c,
                                                               std::span<const std::uint8_t> prediction,
                                                               std::span<const std::uint8_t> reference,
                                                               const Geometry& geometry, const Split& split,
                                                               const ScoringOptions& options) {
  const auto organs = measure(c, prediction, reference, geometry, options);
  std::map<EmptyPolicy, std::vector<Score>> scores;
  for (const EmptyPolicy policy : all_empty_policies())
    scores[policy] = scores_of(c, organs, split, options.metrics, policy);
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
