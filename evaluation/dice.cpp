#include "evaluation/dice.h"

#include <fmt/format.h>

#include <cstring>
#include <vector>

#include "core/error.h"

namespace totum {

namespace {

constexpr std::size_t kClasses = 16;  // 0..13, and two more so that an index is four bits

// Joint histogram of (prediction, reference). Four of them, since neighbouring voxels are mostly equal and
// one counter would wait for itself; eight voxels of background in both maps are counted at once.
class JointHistogram {
 public:
  void add(std::span<const std::uint8_t> prediction, std::span<const std::uint8_t> reference) {
    std::size_t i = 0;
    std::int64_t empty = 0;
    for (; i + 8 <= prediction.size(); i += 8) {
      std::uint64_t p = 0;
      std::uint64_t r = 0;
      std::memcpy(&p, prediction.data() + i, 8);
      std::memcpy(&r, reference.data() + i, 8);
      if ((p | r) == 0) {
        empty += 8;
        continue;
      }
      seen_ |= p | r;
      for (std::size_t k = 0; k < 8; ++k) ++counts_[k % 4][pair(prediction[i + k], reference[i + k])];
    }
    for (; i < prediction.size(); ++i) {
      seen_ |= static_cast<std::uint64_t>(prediction[i] | reference[i]);
      ++counts_[0][pair(prediction[i], reference[i])];
    }
    counts_[0][0] += empty;
  }

  [[nodiscard]] std::int64_t at(std::size_t prediction, std::size_t reference) const {
    std::int64_t sum = 0;
    for (const auto& part : counts_) sum += part[prediction * kClasses + reference];
    return sum;
  }
  /// Did any voxel hold a value that four bits can't?
  [[nodiscard]] bool overflowed() const { return (seen_ & 0xF0F0F0F0F0F0F0F0ULL) != 0; }

 private:
  static std::size_t pair(std::uint8_t prediction, std::uint8_t reference) {
    return static_cast<std::size_t>((prediction & 15U) * kClasses + (reference & 15U));
  }
  std::array<std::array<std::int64_t, kClasses * kClasses>, 4> counts_{};
  std::uint64_t seen_ = 0;
};

}  // namespace

std::array<OverlapCounts, kOrgans> overlap_counts(std::span<const std::uint8_t> prediction,
                                                  std::span<const std::uint8_t> reference) {
  if (prediction.size() != reference.size()) {
    throw DataError(
        fmt::format("prediction and reference have {} and {} voxels", prediction.size(), reference.size()));
  }
  JointHistogram histogram;
  histogram.add(prediction, reference);
  bool unknown = histogram.overflowed();
  for (std::size_t other = 0; other < kClasses; ++other) {
    for (const std::size_t value : {std::size_t{14}, std::size_t{15}}) {
      unknown = unknown || histogram.at(value, other) > 0 || histogram.at(other, value) > 0;
    }
  }
  if (unknown) throw DataError("a label map holds a value above 13");
  std::array<OverlapCounts, kOrgans> counts{};
  for (std::size_t organ = 1; organ <= static_cast<std::size_t>(kOrgans); ++organ) {
    OverlapCounts& c = counts[organ - 1];
    c.both = histogram.at(organ, organ);
    for (std::size_t other = 0; other < kClasses; ++other) {
      c.prediction += histogram.at(organ, other);
      c.reference += histogram.at(other, organ);
    }
  }
  return counts;
}

std::optional<double> dice(const OverlapCounts& counts) {
  const std::int64_t total = counts.prediction + counts.reference;
  if (total == 0) return std::nullopt;
  return 2.0 * static_cast<double>(counts.both) / static_cast<double>(total);
}

double dice_published(const OverlapCounts& counts) {
  return 2.0 * static_cast<double>(counts.both) /
         static_cast<double>(counts.prediction + counts.reference + 1);
}

}  // namespace totum
