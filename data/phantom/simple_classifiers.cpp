#include "data/phantom/simple_classifiers.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "data/phantom/spline_noise.h"

namespace totum {

namespace {

constexpr double kRidge = 1e-4;  // added to every variance, so that a constant class has a density
constexpr double kPriorFloor = 1e-4;

using Square = std::array<std::array<double, kFeatures>, kFeatures>;

double determinant(const Square& m) {
  return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
         m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
         m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
}

Square inverse(const Square& m) {
  const double d = determinant(m);
  Square out{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      const std::size_t r0 = (j + 1) % 3, r1 = (j + 2) % 3, c0 = (i + 1) % 3, c1 = (i + 2) % 3;
      out[i][j] = (m[r0][c0] * m[r1][c1] - m[r0][c1] * m[r1][c0]) / d;
    }
  }
  return out;
}

std::array<double, kFeatures> features_at(const CheckedCase& subject, std::size_t voxel) {
  std::array<double, kFeatures> out{};
  for (std::size_t f = 0; f < kFeatures; ++f) out[f] = static_cast<double>(subject.features[f][voxel]);
  return out;
}

}  // namespace

double CheckAtlas::peak(std::size_t organ) const {
  return static_cast<double>(*std::max_element(probability[organ].begin(), probability[organ].end()));
}

double CheckAtlas::entropy_bits() const {
  double sum = 0;
  std::int64_t count = 0;
  for (std::size_t i = 0; i < probability[0].size(); ++i) {
    double entropy = 0, organs = 0;
    for (std::size_t c = 0; c < kClasses; ++c) {
      const auto p = static_cast<double>(probability[c][i]);
      if (p > 1e-9) entropy -= p * std::log2(p);
      if (c > 0) organs += p;
    }
    if (organs <= 0.05) continue;
    sum += entropy;
    ++count;
  }
  return count > 0 ? sum / static_cast<double>(count) : 0;
}

CheckAtlas make_check_atlas(const Cases& cases) {
  CheckAtlas atlas;
  const std::size_t voxels = cases.front()->label.size();
  for (std::size_t c = 0; c < kClasses; ++c) {
    auto& probability = atlas.probability[c];
    probability.assign(voxels, 0.0F);
    for (const CheckedCase* subject : cases) {
      for (std::size_t i = 0; i < voxels; ++i) probability[i] += subject->label[i] == c ? 1.0F : 0.0F;
    }
    for (float& p : probability) p /= static_cast<float>(cases.size());
    gaussian_blur(probability, kCheckGridXyz, {1, 1, 1});
  }
  return atlas;
}

IntensityModel::IntensityModel(const Cases& cases) {
  std::array<double, kClasses> count{};
  std::array<Square, kClasses> products{};
  for (const CheckedCase* subject : cases) {
    for (std::size_t i = 0; i < subject->label.size(); ++i) {
      const std::size_t c = subject->label[i];
      const auto x = features_at(*subject, i);
      ++count[c];
      for (std::size_t f = 0; f < kFeatures; ++f) {
        classes_[c].mean[f] += x[f];
        for (std::size_t g = 0; g < kFeatures; ++g) products[c][f][g] += x[f] * x[g];
      }
    }
  }
  for (std::size_t c = 0; c < kClasses; ++c) {
    Class& model = classes_[c];
    model.seen = count[c] > kFeatures;
    if (!model.seen) continue;
    for (double& mean : model.mean) mean /= count[c];
    Square covariance{};
    for (std::size_t f = 0; f < kFeatures; ++f) {
      for (std::size_t g = 0; g < kFeatures; ++g) {
        covariance[f][g] =
            products[c][f][g] / count[c] - model.mean[f] * model.mean[g] + (f == g ? kRidge : 0);
      }
    }
    model.precision = inverse(covariance);
    model.log_normaliser = -0.5 * std::log(determinant(covariance));
  }
}

double IntensityModel::log_likelihood(std::size_t c, const std::array<double, kFeatures>& features) const {
  const Class& model = classes_[c];
  if (!model.seen) return -1e9;
  double distance = 0;
  for (std::size_t f = 0; f < kFeatures; ++f) {
    for (std::size_t g = 0; g < kFeatures; ++g) {
      distance += model.precision[f][g] * (features[f] - model.mean[f]) * (features[g] - model.mean[g]);
    }
  }
  return model.log_normaliser - 0.5 * distance;
}

std::vector<std::uint8_t> classify(const CheckedCase& subject, const IntensityModel* intensity,
                                   const CheckAtlas* atlas) {
  std::vector<std::uint8_t> out(subject.label.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto features = features_at(subject, i);
    double best = -1e18;
    for (std::size_t c = 0; c < kClasses; ++c) {
      double score = intensity != nullptr ? intensity->log_likelihood(c, features) : 0;
      if (atlas != nullptr) score += std::log(static_cast<double>(atlas->probability[c][i]) + kPriorFloor);
      if (score > best) {
        best = score;
        out[i] = static_cast<std::uint8_t>(c);
      }
    }
  }
  return out;
}

std::array<std::optional<double>, kClasses> mean_dice(const Cases& cases, const IntensityModel* intensity,
                                                      const CheckAtlas* atlas, int threads) {
  struct Counts {
    std::array<double, kClasses> both{}, reference{}, predicted{};
  };
  std::vector<Counts> counts(cases.size());
  parallel_for(static_cast<std::int64_t>(cases.size()), threads, [&](std::int64_t n) {
    const CheckedCase& subject = *cases[static_cast<std::size_t>(n)];
    Counts& count = counts[static_cast<std::size_t>(n)];
    const auto predicted = classify(subject, intensity, atlas);
    for (std::size_t i = 0; i < predicted.size(); ++i) {
      ++count.reference[subject.label[i]];
      ++count.predicted[predicted[i]];
      if (predicted[i] == subject.label[i]) ++count.both[predicted[i]];
    }
  });
  std::array<std::optional<double>, kClasses> out;
  for (std::size_t c = 1; c < kClasses; ++c) {
    double sum = 0, present = 0;
    for (const Counts& count : counts) {
      if (count.reference[c] == 0) continue;
      sum += 2 * count.both[c] / (count.reference[c] + count.predicted[c]);
      ++present;
    }
    if (present > 0) out[c] = sum / present;
  }
  return out;
}

}  // namespace totum
