#include "data/phantom/subject.h"

#include <algorithm>
#include <cmath>

#include "core/random.h"
#include "data/phantom/anatomy.h"

namespace totum {

namespace {

constexpr double kJitterCutSd = 2.2;
constexpr double kSmallestScale = 0.55, kLargestScale = 1.7;
constexpr double kNoGallbladder = 0.10, kOtherOrganMissing = 0.02;

// Lognormal factor of mean 1 and the given SD / mean.
double lognormal_factor(RandomStream& random, double cv) {
  const double variance = std::log(1 + cv * cv);
  return std::exp(std::sqrt(variance) * random.normal() - variance / 2);
}

void draw_body(std::uint64_t case_seed, Subject& subject) {
  RandomStream random(case_seed, "body");
  constexpr Vector3 kScaleSd{0.06, 0.07, 0.05};
  constexpr Vector3 kRotationSd{2, 2, 3};
  for (std::size_t a = 0; a < 3; ++a) subject.scale[a] = std::exp(kScaleSd[a] * random.normal());
  for (std::size_t a = 0; a < 3; ++a) subject.rotation_degrees[a] = kRotationSd[a] * random.normal();
  for (std::size_t a = 0; a < 2; ++a) subject.shift_mm[a] = 8 * random.normal();
  subject.fat_mm = std::clamp(std::exp(std::log(16.0) + 0.45 * random.normal()), 5.0, 42.0);
  for (double& sd : subject.deformation_sd_mm) sd = random.uniform(3, 6.5);
}

void draw_organs(std::uint64_t case_seed, Subject& subject) {
  const auto& base_ml = base_volumes_ml();
  const double body_volume = subject.scale[0] * subject.scale[1] * subject.scale[2];
  for (const OrganRow& row : organ_table()) {
    RandomStream random(case_seed, "organ", static_cast<std::uint64_t>(row.id));
    const auto index = static_cast<std::size_t>(row.id - 1);
    OrganDraw& draw = subject.organs[index];
    for (double& jitter : draw.jitter_mm) {
      jitter = row.jitter_mm * std::clamp(random.normal(), -kJitterCutSd, kJitterCutSd);
    }
    draw.volume_factor = lognormal_factor(random, row.volume_cv);
    const double ratio = row.volume_ml * draw.volume_factor / base_ml[index] / std::sqrt(body_volume);
    draw.scale =
        std::clamp(std::pow(ratio, is_tube(row.id) ? 1.0 / 2 : 1.0 / 3), kSmallestScale, kLargestScale);
  }
}

void draw_missing(std::uint64_t case_seed, Subject& subject) {
  RandomStream random(case_seed, "missing");
  constexpr std::array<std::size_t, 5> kRemovable{1, 2, 3, 11, 12};
  subject.organs[4 - 1].missing = random.chance(kNoGallbladder);
  const bool removed = random.chance(kOtherOrganMissing);
  const auto which = static_cast<std::size_t>(random.below(static_cast<std::int64_t>(kRemovable.size())));
  if (removed) subject.organs[kRemovable[which] - 1].missing = true;
}

void draw_bowel(std::uint64_t case_seed, Subject& subject) {
  RandomStream random(case_seed, "bowel");
  constexpr int kLoops = 7, kPoints = 4;
  constexpr Vector3 kLow{0.25, 0.62, 0.02}, kHigh{0.75, 0.80, 0.26}, kStep{0.14, 0.07, 0.07};
  subject.stomach_gas_y_mm = random.uniform(34, 66);
  subject.colon_gas_level = random.uniform(-0.3, 0.5);
  for (int loop = 0; loop < kLoops; ++loop) {
    BowelLoop tube;
    Vector3 place{};
    for (std::size_t a = 0; a < 3; ++a) place[a] = random.uniform(kLow[a], kHigh[a]);
    for (int point = 0; point < kPoints; ++point) {
      tube.points.push_back({from_fraction(place), random.uniform(12, 13)});
      for (std::size_t a = 0; a < 3; ++a) {
        place[a] = std::clamp(place[a] + random.uniform(-kStep[a], kStep[a]), kLow[a], kHigh[a]);
      }
    }
    tube.gas_level = random.uniform(0.1, 1.2);
    subject.bowel_loops.push_back(tube);
  }
}

}  // namespace

bool is_tube(std::int64_t organ) {
  switch (organ) {
    case 4:
    case 5:
    case 7:
    case 8:
    case 9:
    case 10:
    case 13:
      return true;
    default:
      return false;
  }
}

Subject draw_subject(std::uint64_t case_seed) {
  Subject subject;
  draw_body(case_seed, subject);
  draw_organs(case_seed, subject);
  draw_missing(case_seed, subject);
  draw_bowel(case_seed, subject);
  return subject;
}

}  // namespace totum
