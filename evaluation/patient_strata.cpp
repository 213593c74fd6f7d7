#include "evaluation/patient_strata.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "core/parallel.h"
#include "core/random.h"

namespace totum {

namespace {

constexpr double kConfidence = 0.95;

using Part = std::map<std::string, Cluster>;

bool share_a_patient(const Part& a, const Part& b) {
  return std::any_of(a.begin(), a.end(), [&](const auto& patient) { return b.contains(patient.first); });
}

// Parts that are joined by common patients, directly or through others.
std::vector<std::vector<std::size_t>> joined(std::span<const Part> parts) {
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    std::vector<std::size_t> group{part};
    std::erase_if(groups, [&](const std::vector<std::size_t>& other) {
      const bool meets = std::any_of(other.begin(), other.end(), [&](std::size_t member) {
        return share_a_patient(parts[member], parts[part]);
      });
      if (meets) group.insert(group.end(), other.begin(), other.end());
      return meets;
    });
    std::sort(group.begin(), group.end());
    groups.push_back(group);
  }
  std::sort(groups.begin(), groups.end());
  return groups;
}

Cluster total_of(const std::vector<Cluster>& clusters) {
  Cluster total;
  for (const Cluster& c : clusters) {
    total.sum += c.sum;
    total.count += c.count;
  }
  return total;
}

std::int64_t patients_in(const std::vector<Cluster>& part) {
  return std::count_if(part.begin(), part.end(), [](const Cluster& c) { return c.count > 0; });
}

// Mean of the parts' means from their totals.
double mean_of_totals(const std::vector<Cluster>& totals) {
  double mean = 0;
  for (const Cluster& total : totals) mean += total.sum / total.count;
  return mean / static_cast<double>(totals.size());
}

std::vector<Cluster> totals_of(const PatientStratum& stratum) {
  std::vector<Cluster> totals;
  for (const auto& part : stratum.clusters) totals.push_back(total_of(part));
  return totals;
}

// One resample of a stratum; drawn again where it left a part without patients.
double resampled_mean(const PatientStratum& stratum, RandomStream& random) {
  const auto n = static_cast<std::int64_t>(stratum.patients());
  while (true) {
    std::vector<Cluster> totals(stratum.parts.size());
    for (std::int64_t i = 0; i < n; ++i) {
      const auto patient = static_cast<std::size_t>(random.below(n));
      for (std::size_t p = 0; p < totals.size(); ++p) {
        totals[p].sum += stratum.clusters[p][patient].sum;
        totals[p].count += stratum.clusters[p][patient].count;
      }
    }
    if (std::all_of(totals.begin(), totals.end(), [](const Cluster& c) { return c.count > 0; }))
      return mean_of_totals(totals);
  }
}

std::vector<double> resampled_means(const PatientStratum& stratum, std::int64_t resamples, std::uint64_t seed,
                                    int threads) {
  const std::uint64_t place = stratum.parts.front();
  if (stratum.parts.size() == 1)
    return bootstrap_means(stratum.clusters.front(), resamples, seed, threads, place);
  std::vector<double> means(static_cast<std::size_t>(resamples));
  constexpr std::int64_t kChunk = 256;
  parallel_for((resamples + kChunk - 1) / kChunk, threads, [&](std::int64_t chunk) {
    for (std::int64_t r = chunk * kChunk; r < std::min(resamples, (chunk + 1) * kChunk); ++r) {
      RandomStream random(seed, "bootstrap", static_cast<std::uint64_t>(r), place);
      means[static_cast<std::size_t>(r)] = resampled_mean(stratum, random);
    }
  });
  return means;
}

std::vector<double> left_out_means(const PatientStratum& stratum) {
  const std::vector<Cluster> totals = totals_of(stratum);
  std::vector<double> means;
  for (std::size_t patient = 0; patient < stratum.patients(); ++patient) {
    std::vector<Cluster> rest = totals;
    for (std::size_t p = 0; p < rest.size(); ++p) {
      rest[p].sum -= stratum.clusters[p][patient].sum;
      rest[p].count -= stratum.clusters[p][patient].count;
    }
    means.push_back(mean_of_totals(rest));
  }
  return means;
}

}  // namespace

std::vector<PatientStratum> strata_of(std::span<const Part> parts) {
  std::vector<PatientStratum> strata;
  for (const std::vector<std::size_t>& group : joined(parts)) {
    std::set<std::string> cases;
    for (const std::size_t part : group) {
      for (const auto& [case_id, cluster] : parts[part]) cases.insert(case_id);
    }
    PatientStratum stratum{group, {cases.begin(), cases.end()}, {}};
    for (const std::size_t part : group) {
      std::vector<Cluster> row;
      for (const std::string& case_id : stratum.case_ids) {
        const auto found = parts[part].find(case_id);
        row.push_back(found == parts[part].end() ? Cluster{} : found->second);
      }
      stratum.clusters.push_back(std::move(row));
    }
    strata.push_back(std::move(stratum));
  }
  return strata;
}

ClusteredMean stratum_mean(const PatientStratum& stratum) {
  if (stratum.parts.size() == 1) return clustered_mean(stratum.clusters.front());
  const std::vector<Cluster> totals = totals_of(stratum);
  ClusteredMean result{mean_of_totals(totals), 0, static_cast<double>(stratum.patients()) - 1};
  std::vector<double> added(stratum.patients(), 0.0);
  for (std::size_t p = 0; p < totals.size(); ++p) {
    const auto n = static_cast<double>(patients_in(stratum.clusters[p]));
    if (n < 2) return {result.mean, 0, 0};
    const double mean = totals[p].sum / totals[p].count;
    const double factor = std::sqrt(n / (n - 1)) / totals[p].count / static_cast<double>(totals.size());
    for (std::size_t i = 0; i < added.size(); ++i)
      added[i] += factor * (stratum.clusters[p][i].sum - mean * stratum.clusters[p][i].count);
  }
  double squares = 0;
  for (const double value : added) squares += value * value;
  result.standard_error = std::sqrt(squares);
  return result;
}

ClusteredMean mean_over_parts(std::span<const PatientStratum> strata) {
  std::size_t parts = 0;
  for (const PatientStratum& stratum : strata) parts += stratum.parts.size();
  std::vector<ClusteredMean> means;
  for (const PatientStratum& stratum : strata) {
    means.push_back(stratum_mean(stratum));
    const double weight =
        static_cast<double>(stratum.parts.size() * strata.size()) / static_cast<double>(parts);
    means.back().mean *= weight;
    means.back().standard_error *= weight;
  }
  return mean_of_means(means);
}

std::vector<double> contributions(std::span<const PatientStratum> strata) {
  const double scale = total_of(strata.front().clusters.front()).count;
  std::vector<double> all;
  for (const PatientStratum& stratum : strata) {
    const std::vector<Cluster> totals = totals_of(stratum);
    for (std::size_t i = 0; i < stratum.patients(); ++i) {
      double added = 0;
      for (std::size_t p = 0; p < totals.size(); ++p)
        added += scale / totals[p].count * stratum.clusters[p][i].sum;
      all.push_back(added);
    }
  }
  return all;
}

std::optional<Interval> bca_over_parts(std::span<const PatientStratum> strata, std::int64_t resamples,
                                       std::uint64_t seed, int threads) {
  double parts = 0;
  for (const PatientStratum& stratum : strata) {
    parts += static_cast<double>(stratum.parts.size());
    for (const auto& part : stratum.clusters) {
      if (patients_in(part) < 2) return std::nullopt;
    }
  }
  std::vector<double> resampled(static_cast<std::size_t>(resamples), 0.0);
  std::vector<std::vector<double>> left_out;
  double estimate = 0;
  for (const PatientStratum& stratum : strata) {
    const double weight = static_cast<double>(stratum.parts.size()) / parts;
    estimate += weight * stratum_mean(stratum).mean;
    const auto means = resampled_means(stratum, resamples, seed, threads);
    for (std::size_t r = 0; r < means.size(); ++r) resampled[r] += weight * means[r];
    left_out.push_back(left_out_means(stratum));
    for (double& value : left_out.back()) value *= weight;
  }
  return bca_interval(estimate, resampled, left_out, kConfidence);
}

}  // namespace totum
