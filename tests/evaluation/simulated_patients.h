#pragma once
// Models of patients whose truth is known, for simulations of intervals, tests and verdicts.

#include <cmath>
#include <string>
#include <vector>

#include "core/random.h"
#include "evaluation/cell_summary.h"
#include "evaluation/comparison.h"

namespace totum::simulation {

/// Standard exponential.
inline double exponential(RandomStream& random) { return -std::log(1 - random.uniform()); }

/// Mean 0, variance 1; gamma of skewness 1 (shape 4), or exponential (skewness 2).
inline double patient_effect(RandomStream& random, bool is_exponential) {
  if (is_exponential) return exponential(random) - 1;
  double sum = 0;
  for (int i = 0; i < 4; ++i) sum += exponential(random);
  return (sum - 4) / 2;
}

/// Patients with 8 organs, mean 0, variance 1, of which half is the patient's; each (patient, organ) is
/// missing with the chance `missing`, but a patient has one organ at least.
inline std::vector<PatientScores> patients(RandomStream& random, std::int64_t n, bool is_exponential,
                                           double missing = 0, const std::string& prefix = "p") {
  constexpr std::int64_t kOrgansHere = 8;
  std::vector<PatientScores> all;
  for (std::int64_t i = 0; i < n; ++i) {
    PatientScores patient{prefix + std::to_string(1000 + i), {}};
    const double effect = patient_effect(random, is_exponential);
    for (std::int64_t organ = 1; organ <= kOrgansHere; ++organ) {
      const double value = std::sqrt(0.5) * (effect + random.normal());
      const bool is_last_chance = organ == kOrgansHere && patient.by_organ.empty();
      if (!random.chance(missing) || is_last_chance) patient.by_organ[organ] = value;
    }
    all.push_back(std::move(patient));
  }
  return all;
}

/// The same patients under another method of the same mean: the null hypothesis.
inline PairedValues exchangeable_pairs(RandomStream& random, std::int64_t n, bool pooled,
                                       const std::string& prefix) {
  return pair_patients(patients(random, n, false, 0, prefix), patients(random, n, false, 0, prefix), pooled,
                       false);
}

/// Rare failures: `share` of the patients lose `loss`, the others differ by N(0, 0.2); or -Exp(1) where share
/// is 0. The true mean is -1 in each.
struct FailureModel {
  const char* name;
  double share = 0, loss = 0;
};
constexpr FailureModel kFailureModels[] = {
    {"a tenth loses 10", 0.1, 10}, {"a twentieth loses 20", 0.05, 20}, {"-Exp(1)", 0, 0}};

inline PairedValues failing_pairs(RandomStream& random, std::int64_t n, const FailureModel& model) {
  PairedValues values;
  for (std::int64_t i = 0; i < n; ++i) {
    values.case_ids.push_back(std::to_string(i));
    const double difference = model.share == 0             ? -exponential(random)
                              : random.chance(model.share) ? -model.loss
                                                           : random.normal(0, 0.2);
    values.a.push_back(difference);
    values.b.push_back(0);
  }
  return values;
}

/// The largest share of false "equivalent" that is accepted.
inline double accepted_equivalence(std::int64_t n, const FailureModel& model) {
  const double unseen = model.share == 0 ? 0 : std::pow(1 - model.share, static_cast<double>(n));
  return std::max(0.07, unseen + 0.03);
}

}  // namespace totum::simulation
