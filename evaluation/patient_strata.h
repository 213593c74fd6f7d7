#pragma once
// Patients as the independent units of a mean of one or several parts (cells), which may share patients.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "evaluation/intervals.h"

namespace totum {

/// Parts that share patients, with these patients: one contribution for each patient, whatever the number of
/// its parts. Parts without common patients are strata of their own, which are independent.
struct PatientStratum {
  std::vector<std::size_t> parts;              // ascending
  std::vector<std::string> case_ids;           // [patient], ascending
  std::vector<std::vector<Cluster>> clusters;  // [part][patient]; count 0 for a patient outside the part

  [[nodiscard]] std::size_t patients() const { return case_ids.size(); }
};

/// parts   [part], each by case id and none empty
std::vector<PatientStratum> strata_of(std::span<const std::map<std::string, Cluster>> parts);

/// Plain mean of the means of a stratum's parts. Its standard error comes from what each patient adds to the
/// linear approximation, √(n/(n-1))·(sum - mean·count)/Σ count in a part of n patients, over the parts that
/// the patient is in; for one part it is clustered_mean()'s. Degrees of freedom: patients - 1; none if a part
/// has a single patient. Source: Cochran, Sampling Techniques, 3rd ed. (1977), Eq. 6.11.
ClusteredMean stratum_mean(const PatientStratum& stratum);

/// Plain mean over all parts of all strata; degrees of freedom by mean_of_means() over the strata.
ClusteredMean mean_over_parts(std::span<const PatientStratum> strata);

/// What each patient adds to the mean over all parts, in the order of strata: Σ sum/(Σ count of the part),
/// over its parts. Up to a factor; in the sum of all it is that mean.
std::vector<double> contributions(std::span<const PatientStratum> strata);

/// 95 % BCa interval of the mean over all parts: patients are resampled within each stratum, each with all
/// its parts. nullopt if a part has fewer than two patients.
std::optional<Interval> bca_over_parts(std::span<const PatientStratum> strata, std::int64_t resamples,
                                       std::uint64_t seed, int threads);

}  // namespace totum
