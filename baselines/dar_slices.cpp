#include "baselines/dar_slices.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "core/error.h"

namespace totum {

namespace {

constexpr float kOutside = -1.0F;

// numpy.percentile with linear interpolation; reorders the values.
double percentile(std::vector<float>& values, double percent) {
  const double position = percent / 100 * static_cast<double>(values.size() - 1);
  const auto index = static_cast<std::ptrdiff_t>(position);
  const auto at = values.begin() + index;
  std::nth_element(values.begin(), at, values.end());
  if (at + 1 == values.end()) return *at;
  const double next = *std::min_element(at + 1, values.end());
  return *at + (position - static_cast<double>(index)) * (next - *at);
}

// Where a piece of `pixels` begins on an axis of `size`: negative if the axis is shorter.
std::int64_t random_start(std::int64_t size, std::int64_t pixels, RandomStream& random) {
  const std::int64_t low = std::min<std::int64_t>(0, size - pixels);
  return low + random.below(std::abs(size - pixels) + 1);
}

}  // namespace

IntensityRange robust_range(const at::Tensor& volume) {
  const at::Tensor flat = volume.to(at::kFloat).contiguous().flatten();
  std::vector<float> values(flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
  return {percentile(values, 0.5), percentile(values, 99.5)};
}

at::Tensor scale_to_unit(const at::Tensor& image, const IntensityRange& range) {
  if (range.high <= range.low) return at::full_like(image, kOutside);
  return ((image - range.low) * (2 / (range.high - range.low)) - 1).clamp(-1, 1);
}

SliceTurn draw_turn(RandomStream& random) {
  if (!random.chance(0.5)) return {};
  constexpr double kLargestAngle = std::numbers::pi / 6;
  SliceTurn turn;
  turn.angle_rad = random.uniform(-kLargestAngle, kLargestAngle);
  turn.scale = random.uniform(0.9, 1.1);
  turn.shift_y = random.uniform(-0.1, 0.1);
  turn.shift_x = random.uniform(-0.1, 0.1);
  return turn;
}

at::Tensor turned(const at::Tensor& slice, const SliceTurn& turn) {
  // Where each pixel of the result comes from, in coordinates of -1..1 about the centre (x, then y).
  const double c = std::cos(turn.angle_rad) / turn.scale;
  const double s = std::sin(turn.angle_rad) / turn.scale;
  const double x = -2 * turn.shift_x;
  const double y = -2 * turn.shift_y;
  const at::Tensor map = at::tensor({c, s, c * x + s * y, -s, c, c * y - s * x}, at::kDouble)
                             .to(slice.scalar_type())
                             .view({1, 2, 3});
  const at::Tensor grid = at::affine_grid_generator(map, {1, 1, slice.size(0), slice.size(1)}, false);
  const at::Tensor lifted = (slice - kOutside).unsqueeze(0).unsqueeze(0);  // beyond the edge is 0
  return at::grid_sampler(lifted, grid, 0, 0, false)[0][0] + kOutside;
}

at::Tensor random_piece(const at::Tensor& slice, std::int64_t pixels, RandomStream& random) {
  at::Tensor piece = slice;
  for (std::int64_t axis = 0; axis < 2; ++axis) {
    const std::int64_t start = random_start(slice.size(axis), pixels, random);
    if (slice.size(axis) >= pixels) {
      piece = piece.narrow(axis, start, pixels);
      continue;
    }
    std::vector<std::int64_t> padding(4, 0);  // of the last axis, then of the first
    const std::size_t at = axis == 0 ? 2 : 0;
    padding[at] = -start;
    padding[at + 1] = pixels - slice.size(axis) + start;
    piece = at::constant_pad_nd(piece, padding, kOutside);
  }
  return piece;
}

at::Tensor padded_around(const at::Tensor& slices, std::int64_t least) {
  std::vector<std::int64_t> padding;
  for (const std::int64_t axis : {2, 1}) {  // of the last axis first
    const std::int64_t size = slices.size(axis);
    const std::int64_t missing = (std::max(size, least) + 3) / 4 * 4 - size;
    padding.insert(padding.end(), {missing / 2, missing - missing / 2});
  }
  return at::constant_pad_nd(slices, padding, kOutside);
}

at::Tensor middle_of(const at::Tensor& padded, std::int64_t height, std::int64_t width) {
  return padded.narrow(1, (padded.size(1) - height) / 2, height)
      .narrow(2, (padded.size(2) - width) / 2, width);
}

AxialSlices::AxialSlices(const TrainingData& data, const std::vector<Task>& tasks) : data_(data) {
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    auto& ids = case_ids_[tasks[t].modality];
    for (std::string& id : data.case_ids(static_cast<std::int64_t>(t))) ids.push_back(std::move(id));
  }
  for (const Modality modality : {Modality::ct, Modality::mr}) {
    auto& ids = case_ids_[modality];
    if (ids.empty()) {
      throw DataError(
          fmt::format("dar_unet translates between CT and MR, but the split has no training case in "
                      "{}: add cases of it to the split, or leave dar_unet out of --methods",
                      modality == Modality::ct ? "CT" : "MR"),
          true);
    }
    std::sort(ids.begin(), ids.end());
    for (const std::string& id : ids) slices_[modality] += depth(id);
  }
}

const std::vector<std::string>& AxialSlices::case_ids(Modality modality) const {
  return case_ids_.at(modality);
}

std::int64_t AxialSlices::depth(const std::string& case_id) const {
  return data_.geometry(case_id).shape()[0];
}

at::Tensor AxialSlices::scaled(const std::string& case_id, Modality modality, std::int64_t z,
                               std::int64_t count) {
  const at::Tensor slices = data_.slices(case_id, z, count);
  if (modality == Modality::ct) return slices;
  auto found = ranges_.find(case_id);
  if (found == ranges_.end()) {
    found = ranges_.emplace(case_id, robust_range(data_.slices(case_id, 0, depth(case_id)))).first;
  }
  return scale_to_unit(slices, found->second);
}

at::Tensor AxialSlices::draw(Modality modality, std::int64_t pixels, RandomStream& random) {
  std::int64_t z = random.below(slices_.at(modality));
  for (const std::string& id : case_ids(modality)) {
    const std::int64_t count = depth(id);
    if (z >= count) {
      z -= count;
      continue;
    }
    const at::Tensor piece = random_piece(scaled(id, modality, z, 1)[0], pixels, random);
    return turned(piece, draw_turn(random));
  }
  throw std::logic_error("more slices were counted than there are");
}

}  // namespace totum
