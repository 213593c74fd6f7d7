#pragma once
// What can be told from intensity alone, from location alone, and from both: an atlas and Gaussian class
// models.

#include <array>
#include <optional>
#include <vector>

#include "data/phantom/checked_case.h"

namespace totum {

using Cases = std::vector<const CheckedCase*>;

/// Mean one-hot label on the check grid, blurred by one voxel.
struct CheckAtlas {
  std::array<std::vector<float>, kClasses> probability;  // each [D,H,W]

  [[nodiscard]] double peak(std::size_t organ) const;
  /// Mean entropy in bits of the voxels where the organs together have more than 0.05.
  [[nodiscard]] double entropy_bits() const;
};
CheckAtlas make_check_atlas(const Cases& cases);

/// A normal distribution of the three features for each class.
class IntensityModel {
 public:
  explicit IntensityModel(const Cases& cases);
  [[nodiscard]] double log_likelihood(std::size_t c, const std::array<double, kFeatures>& features) const;

 private:
  struct Class {
    bool seen = false;
    std::array<double, kFeatures> mean{};
    std::array<std::array<double, kFeatures>, kFeatures> precision{};
    double log_normaliser = 0;
  };
  std::array<Class, kClasses> classes_;
};

/// argmax of log-likelihood + log(prior + 1e-4); either may be left out (nullptr), not both.
std::vector<std::uint8_t> classify(const CheckedCase& subject, const IntensityModel* intensity,
                                   const CheckAtlas* atlas);

/// Mean Dice of each organ over the cases that have it; nullopt if none has.
std::array<std::optional<double>, kClasses> mean_dice(const Cases& cases, const IntensityModel* intensity,
                                                      const CheckAtlas* atlas, int threads);

}  // namespace totum
