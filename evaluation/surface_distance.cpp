#include "evaluation/surface_distance.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/json_reader.h"
#include "evaluation/nearest_places.h"
#include "evaluation/nsd_tolerances.json.h"

namespace totum {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

void include(VoxelBox& box, std::int64_t z, std::int64_t y, std::int64_t x0, std::int64_t x1) {
  if (box.empty()) {
    box = {{z, y, x0}, {z + 1, y + 1, x1}};
    return;
  }
  box.begin = {std::min(box.begin[0], z), std::min(box.begin[1], y), std::min(box.begin[2], x0)};
  box.end = {std::max(box.end[0], z + 1), std::max(box.end[1], y + 1), std::max(box.end[2], x1)};
}

// Runs of one value in a row; eight voxels of background are skipped at once.
void include_row(std::span<const std::uint8_t> row, std::int64_t z, std::int64_t y,
                 std::array<VoxelBox, kOrgans>& boxes) {
  std::size_t x = 0;
  while (x < row.size()) {
    std::uint64_t eight = 0;
    if (x + 8 <= row.size()) {
      std::memcpy(&eight, row.data() + x, 8);
      if (eight == 0) {
        x += 8;
        continue;
      }
    }
    const std::uint8_t organ = row[x];
    const std::size_t first = x;
    while (x < row.size() && row[x] == organ) ++x;
    if (organ >= 1 && organ <= kOrgans) {
      include(boxes[organ - 1U], z, y, static_cast<std::int64_t>(first), static_cast<std::int64_t>(x));
    }
  }
}

// The organ's mask within its box, with a rim of background around it, and the mask's surface.
class BoxedMask {
 public:
  BoxedMask(std::span<const std::uint8_t> labels, const Shape3& image, const VoxelBox& box,
            std::int64_t organ)
      : shape_(box.shape()) {
    const auto [d, h, w] = shape_;
    const std::int64_t row = w + 2;
    const std::int64_t slice = row * (h + 2);
    std::vector<std::uint8_t> mask(index(slice * (d + 2)), 0);
    for (std::int64_t z = 0; z < d; ++z) {
      for (std::int64_t y = 0; y < h; ++y) {
        const std::uint8_t* from =
            labels.data() + ((z + box.begin[0]) * image[1] + y + box.begin[1]) * image[2] + box.begin[2];
        std::uint8_t* to = mask.data() + (z + 1) * slice + (y + 1) * row + 1;
        for (std::int64_t x = 0; x < w; ++x) to[x] = from[x] == organ;
      }
    }
    surface_.resize(index(d * h * w));
    for (std::int64_t z = 0; z < d; ++z) {
      for (std::int64_t y = 0; y < h; ++y) {
        const std::uint8_t* m = mask.data() + (z + 1) * slice + (y + 1) * row + 1;
        std::uint8_t* s = surface_.data() + (z * h + y) * w;
        for (std::int64_t x = 0; x < w; ++x) {
          const int inside = m[x - 1] & m[x + 1] & m[x - row] & m[x + row] & m[x - slice] & m[x + slice];
          s[x] = static_cast<std::uint8_t>(m[x] & (inside ^ 1));
        }
      }
    }
  }

  [[nodiscard]] const std::vector<std::uint8_t>& surface() const { return surface_; }
  [[nodiscard]] const Shape3& shape() const { return shape_; }
  [[nodiscard]] bool empty() const {
    return std::find(surface_.begin(), surface_.end(), 1) == surface_.end();
  }

 private:
  Shape3 shape_;
  std::vector<std::uint8_t> surface_;
};

// Squared distances along one line: the lower envelope of parabolas over the places that have a finite value.
class LowerEnvelope {
 public:
  explicit LowerEnvelope(std::int64_t longest)
      : values(index(longest)), places_(index(longest)), bounds_(index(longest) + 1) {}

  /// Replaces values[0..n) by min over j of values[j] + (step (i - j))².
  void transform(std::int64_t n, double step) {
    std::int64_t last = -1;
    const double step2 = step * step;
    heights_.assign(values.begin(), values.begin() + n);
    for (std::int64_t i = 0; i < n; ++i) {
      const double f = heights_[index(i)];
      if (f == kInfinity) continue;
      double cross = -kInfinity;
      while (last >= 0) {
        const std::int64_t j = places_[index(last)];
        cross = 0.5 * (static_cast<double>(i + j) +
                       (f - heights_[index(j)]) / (step2 * static_cast<double>(i - j)));
        if (cross > bounds_[index(last)]) break;
        --last;
      }
      ++last;
      places_[index(last)] = i;
      bounds_[index(last)] = last == 0 ? -kInfinity : cross;
    }
    if (last < 0) return;
    for (std::int64_t i = 0, k = 0; i < n; ++i) {
      while (k < last && bounds_[index(k + 1)] < static_cast<double>(i)) ++k;
      const std::int64_t j = places_[index(k)];
      const double along = step * static_cast<double>(i - j);
      values[index(i)] = heights_[index(j)] + along * along;
    }
  }

  std::vector<double> values;  // of the line: in and out

 private:
  std::vector<std::int64_t> places_;
  std::vector<double> bounds_, heights_;
};

// Squared distance to the nearest surface voxel along x alone.
void distances_along_x(const std::vector<std::uint8_t>& surface, const Shape3& shape, double step,
                       std::vector<double>& squared) {
  const std::int64_t w = shape[2];
  for (std::int64_t row = 0; row < shape[0] * shape[1]; ++row) {
    const std::uint8_t* s = surface.data() + row * w;
    double* out = squared.data() + row * w;
    std::int64_t before = -1;
    for (std::int64_t x = 0; x < w; ++x) {
      if (s[x] != 0) before = x;
      const double along = step * static_cast<double>(x - before);
      out[x] = before < 0 ? kInfinity : along * along;
    }
    std::int64_t after = -1;
    for (std::int64_t x = w - 1; x >= 0; --x) {
      if (s[x] != 0) after = x;
      const double along = step * static_cast<double>(after - x);
      if (after >= 0) out[x] = std::min(out[x], along * along);
    }
  }
}

// Squared distances to the surface `to` at the places `asked`, exact however far; columns along z without
// such a place are left out of the last pass.
std::vector<double> by_transform(const std::vector<std::size_t>& asked, const BoxedMask& to,
                                 const Vector3& spacing) {
  const auto [d, h, w] = to.shape();
  std::vector<double> squared(index(d * h * w));
  distances_along_x(to.surface(), to.shape(), spacing[2], squared);
  LowerEnvelope line(std::max(d, h));
  for (std::int64_t z = 0; z < d; ++z) {
    for (std::int64_t x = 0; x < w; ++x) {
      double* column = squared.data() + z * h * w + x;
      for (std::int64_t y = 0; y < h; ++y) line.values[index(y)] = column[y * w];
      line.transform(h, spacing[1]);
      for (std::int64_t y = 0; y < h; ++y) column[y * w] = line.values[index(y)];
    }
  }
  std::vector<std::uint8_t> is_asked(index(h * w), 0);
  for (const std::size_t place : asked) is_asked[place % index(h * w)] = 1;
  for (std::int64_t i = 0; i < h * w; ++i) {
    if (is_asked[index(i)] == 0) continue;
    for (std::int64_t z = 0; z < d; ++z) line.values[index(z)] = squared[index(z * h * w + i)];
    line.transform(d, spacing[0]);
    for (std::int64_t z = 0; z < d; ++z) squared[index(z * h * w + i)] = line.values[index(z)];
  }
  std::vector<double> found;
  for (const std::size_t place : asked) found.push_back(squared[place]);
  return found;
}

// A neighbouring row, by what the way there costs.
struct RowOffset {
  std::int64_t dz = 0, dy = 0;
  double dy2 = 0, dz2 = 0;  // squared, in mm²
  [[nodiscard]] double cost() const { return dy2 + dz2; }
};

// The nearest rows, nearest first: every row that costs less than the last is among them.
std::vector<RowOffset> nearest_rows(const Vector3& spacing) {
  constexpr std::int64_t kReach = 16;
  constexpr std::size_t kAtMost = 400;
  const double beyond = static_cast<double>(kReach + 1) * std::min(spacing[0], spacing[1]);
  std::vector<RowOffset> rows;
  for (std::int64_t dz = -kReach; dz <= kReach; ++dz) {
    for (std::int64_t dy = -kReach; dy <= kReach; ++dy) {
      const double y = spacing[1] * static_cast<double>(dy);
      const double z = spacing[0] * static_cast<double>(dz);
      const RowOffset row{dz, dy, y * y, z * z};
      if (row.cost() < beyond * beyond) rows.push_back(row);
    }
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const RowOffset& a, const RowOffset& b) { return a.cost() < b.cost(); });
  if (rows.size() > kAtMost) rows.resize(kAtMost);
  return rows;
}

constexpr std::int32_t kNoneInRow = -1;

// How many voxels along x the nearest surface voxel of the same row is away.
std::vector<std::int32_t> gaps_along_x(const std::vector<std::uint8_t>& surface, const Shape3& shape) {
  const std::int64_t w = shape[2];
  std::vector<std::int32_t> gaps(surface.size(), kNoneInRow);
  for (std::int64_t row = 0; row < shape[0] * shape[1]; ++row) {
    const std::uint8_t* s = surface.data() + row * w;
    if (std::memchr(s, 1, index(w)) == nullptr) continue;
    std::int32_t* out = gaps.data() + row * w;
    auto gap = static_cast<std::int32_t>(w);
    for (std::int64_t x = 0; x < w; ++x) out[x] = gap = s[x] != 0 ? 0 : gap + 1;
    gap = static_cast<std::int32_t>(w);
    for (std::int64_t x = w - 1; x >= 0; --x) {
      gap = s[x] != 0 ? 0 : gap + 1;
      out[x] = std::min(out[x], gap);
    }
  }
  return gaps;
}

// Looks for the nearest surface voxel in the nearest rows.
class NearbySearch {
 public:
  NearbySearch(const BoxedMask& to, const Vector3& spacing, const std::vector<RowOffset>& rows)
      : shape_(to.shape()), step_(spacing[2]), gaps_(gaps_along_x(to.surface(), to.shape())), rows_(rows) {}

  /// Squared distance from a voxel, or nothing if it may lie beyond these rows.
  [[nodiscard]] std::optional<double> operator()(std::int64_t z, std::int64_t y, std::int64_t x) const {
    const auto [d, h, w] = shape_;
    double best = kInfinity;
    for (const RowOffset& row : rows_) {
      if (row.cost() >= best) return best;
      const std::int64_t at_z = z + row.dz, at_y = y + row.dy;
      if (at_z < 0 || at_z >= d || at_y < 0 || at_y >= h) continue;
      const std::int32_t gap = gaps_[index((at_z * h + at_y) * w + x)];
      if (gap == kNoneInRow) continue;
      const double along = step_ * static_cast<double>(gap);
      best = std::min(best, along * along + row.dy2 + row.dz2);
    }
    return std::nullopt;
  }

 private:
  Shape3 shape_;
  double step_;
  std::vector<std::int32_t> gaps_;
  const std::vector<RowOffset>& rows_;
};

// Distances in mm from the surface voxels of `from` to the surface `to`: most are a few rows away, and what
// isn't found there is left to the distance transform of the whole box.
std::vector<double> directed(const BoxedMask& from, const BoxedMask& to, const Vector3& spacing,
                             const std::vector<RowOffset>& rows) {
  const auto [d, h, w] = from.shape();
  const NearbySearch nearby(to, spacing, rows);
  std::vector<double> distances;
  std::vector<std::size_t> far, far_places;  // in `distances`, in the box
  for (std::int64_t z = 0; z < d; ++z) {
    for (std::int64_t y = 0; y < h; ++y) {
      const std::uint8_t* s = from.surface().data() + (z * h + y) * w;
      for (std::int64_t x = 0; x < w; ++x) {
        if (s[x] == 0) continue;
        const auto squared = nearby(z, y, x);
        if (!squared) {
          far.push_back(distances.size());
          far_places.push_back(index((z * h + y) * w + x));
        }
        distances.push_back(std::sqrt(squared.value_or(0)));
      }
    }
  }
  if (far.empty()) return distances;
  const std::vector<double> squared = by_transform(far_places, to, spacing);
  for (std::size_t i = 0; i < far.size(); ++i) distances[far[i]] = std::sqrt(squared[i]);
  return distances;
}

// The surface voxels' places in mm, in raster order.
SurfacePlaces places_of(const BoxedMask& mask, const VoxelBox& box, const Geometry& geometry) {
  const auto [d, h, w] = mask.shape();
  SurfacePlaces places;
  for (std::int64_t i = 0; i < d * h * w; ++i) {
    if (mask.surface()[index(i)] == 0) continue;
    places.push_back(world_mm(geometry, static_cast<double>(i % w + box.begin[2]),
                              static_cast<double>(i / w % h + box.begin[1]),
                              static_cast<double>(i / (w * h) + box.begin[0])));
  }
  return places;
}

double percentile95(std::vector<double> values) {
  const double place = 0.95 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::ptrdiff_t>(place);
  std::nth_element(values.begin(), values.begin() + below, values.end());
  const double low = values[index(below)];
  if (index(below) + 1 == values.size()) return low;
  const double high = *std::min_element(values.begin() + below + 1, values.end());
  return low + (high - low) * (place - static_cast<double>(below));
}

double sum(const std::vector<double>& values) {
  double total = 0;
  for (const double value : values) total += value;
  return total;
}

bool has_none(const SurfaceDistances& distances) {
  return distances.from_prediction_mm.empty() || distances.from_reference_mm.empty();
}

std::array<double, kOrgans> parse_tolerances() {
  JsonReader json(nlohmann::json::parse(kNsdTolerancesJson), "nsd_tolerances.json");
  std::array<double, kOrgans> tolerances{};
  double standard = 0;
  json.required("default_mm", standard, positive());
  tolerances.fill(standard);
  JsonReader organs = json.object("organs_mm");
  for (std::int64_t organ = 1; organ <= kOrgans; ++organ)
    organs.optional(organ_name(organ), tolerances[index(organ - 1)], positive());
  organs.no_more_keys();
  json.no_more_keys();
  return tolerances;
}

}  // namespace

std::array<VoxelBox, kOrgans> organ_boxes(std::span<const std::uint8_t> prediction,
                                          std::span<const std::uint8_t> reference, const Shape3& shape) {
  std::array<VoxelBox, kOrgans> boxes{};
  for (std::int64_t z = 0; z < shape[0]; ++z) {
    for (std::int64_t y = 0; y < shape[1]; ++y) {
      const std::size_t start = index((z * shape[1] + y) * shape[2]);
      include_row(prediction.subspan(start, index(shape[2])), z, y, boxes);
      include_row(reference.subspan(start, index(shape[2])), z, y, boxes);
    }
  }
  return boxes;
}

SurfaceDistances surface_distances_mm(std::span<const std::uint8_t> prediction,
                                      std::span<const std::uint8_t> reference, const Shape3& shape,
                                      const Vector3& spacing_mm_dhw, const VoxelBox& box,
                                      std::int64_t organ) {
  if (box.empty()) return {};
  const BoxedMask ours(prediction, shape, box, organ);
  const BoxedMask theirs(reference, shape, box, organ);
  if (ours.empty() || theirs.empty()) return {};
  const std::vector<RowOffset> rows = nearest_rows(spacing_mm_dhw);
  return {directed(ours, theirs, spacing_mm_dhw, rows), directed(theirs, ours, spacing_mm_dhw, rows)};
}

SurfaceDistances surface_distances_mm(std::span<const std::uint8_t> prediction,
                                      std::span<const std::uint8_t> reference, const Geometry& geometry,
                                      const VoxelBox& box, std::int64_t organ) {
  if (!is_sheared(geometry)) {
    const Vector3 xyz = spacing_mm_xyz(geometry);
    return surface_distances_mm(prediction, reference, geometry.shape(), {xyz[2], xyz[1], xyz[0]}, box,
                                organ);
  }
  if (box.empty()) return {};
  const SurfacePlaces ours = places_of(BoxedMask(prediction, geometry.shape(), box, organ), box, geometry);
  const SurfacePlaces theirs = places_of(BoxedMask(reference, geometry.shape(), box, organ), box, geometry);
  if (ours.empty() || theirs.empty()) return {};
  return {nearest_distances_mm(ours, theirs), nearest_distances_mm(theirs, ours)};
}

std::optional<double> hd95_mm(const SurfaceDistances& distances) {
  if (has_none(distances)) return std::nullopt;
  return std::max(percentile95(distances.from_prediction_mm), percentile95(distances.from_reference_mm));
}

std::optional<double> assd_mm(const SurfaceDistances& distances) {
  if (has_none(distances)) return std::nullopt;
  const auto count = distances.from_prediction_mm.size() + distances.from_reference_mm.size();
  return (sum(distances.from_prediction_mm) + sum(distances.from_reference_mm)) / static_cast<double>(count);
}

std::optional<double> nsd(const SurfaceDistances& distances, double tolerance_mm) {
  if (has_none(distances)) return std::nullopt;
  constexpr double kFloat32Slack = 1e-6;
  const double within_mm = tolerance_mm * (1 + kFloat32Slack);
  const auto is_within = [&](double distance) { return distance <= within_mm; };
  const auto& p = distances.from_prediction_mm;
  const auto& r = distances.from_reference_mm;
  const auto within =
      std::count_if(p.begin(), p.end(), is_within) + std::count_if(r.begin(), r.end(), is_within);
  return static_cast<double>(within) / static_cast<double>(p.size() + r.size());
}

const std::array<double, kOrgans>& nsd_tolerances_mm() {
  static const std::array<double, kOrgans> tolerances = parse_tolerances();
  return tolerances;
}

}  // namespace totum
