#include "evaluation/cell_summary.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/parallel.h"
#include "core/random.h"

namespace totum {

namespace {

constexpr double kConfidence = 0.95;

bool is_row_of(const Score& score, const CellFilter& filter) {
  return score.modality == filter.test_modality && score.relation == filter.relation &&
         score.metric == filter.metric && score.grid == filter.grid;
}

bool is_value_of(const Score& score, const CellFilter& filter) {
  return score.value && is_row_of(score, filter);
}

struct CellMeans {
  double pooled = 0;       // over (patient, organ) pairs
  double over_organs = 0;  // of the organs' means
};

// The patients as plain arrays, since the bootstrap adds them up ten thousand times.
class FlatPatients {
 public:
  explicit FlatPatients(const std::vector<PatientScores>& patients) {
    for (const PatientScores& patient : patients) {
      Row row;
      row.sum = patient.sum();
      row.count = static_cast<double>(patient.by_organ.size());
      for (const auto& [organ, value] : patient.by_organ) {
        row.values.at(static_cast<std::size_t>(organ - 1)) = value;
        row.scored.at(static_cast<std::size_t>(organ - 1)) = 1;
      }
      rows_.push_back(row);
    }
  }

  [[nodiscard]] CellMeans resampled(RandomStream& random) const {
    Row total;
    const auto n = static_cast<std::int64_t>(rows_.size());
    for (std::int64_t i = 0; i < n; ++i) total.add(rows_[static_cast<std::size_t>(random.below(n))], 1);
    return total.means();
  }

  /// Needs two patients or more.
  [[nodiscard]] std::vector<CellMeans> leave_one_out() const {
    Row total;
    for (const Row& row : rows_) total.add(row, 1);
    std::vector<CellMeans> left_out;
    for (const Row& row : rows_) {
      Row rest = total;
      rest.add(row, -1);
      left_out.push_back(rest.means());
    }
    return left_out;
  }

 private:
  struct Row {
    double sum = 0, count = 0;
    std::array<double, kOrgans> values{};  // 0 where not scored
    std::array<double, kOrgans> scored{};  // patients with a score

    void add(const Row& other, double sign) {
      sum += sign * other.sum;
      count += sign * other.count;
      for (std::size_t c = 0; c < values.size(); ++c) {
        values[c] += sign * other.values[c];
        scored[c] += sign * other.scored[c];
      }
    }
    [[nodiscard]] CellMeans means() const {
      double organs = 0;
      double total = 0;
      for (std::size_t c = 0; c < values.size(); ++c) {
        if (scored[c] == 0) continue;  // an organ that only patients outside this resample have
        ++organs;
        total += values[c] / scored[c];
      }
      return {sum / count, total / organs};
    }
  };
  std::vector<Row> rows_;
};

// Replicate r of part i draws from its own stream (seed, r, i), so any number of threads gives the same
// bytes.
std::vector<CellMeans> bootstrap(const std::vector<FlatPatients>& parts, std::int64_t resamples,
                                 std::uint64_t seed, int threads) {
  std::vector<CellMeans> means(static_cast<std::size_t>(resamples));
  constexpr std::int64_t kChunk = 256;
  parallel_for((resamples + kChunk - 1) / kChunk, threads, [&](std::int64_t chunk) {
    for (std::int64_t r = chunk * kChunk; r < std::min(resamples, (chunk + 1) * kChunk); ++r) {
      CellMeans& mean = means[static_cast<std::size_t>(r)];
      for (std::size_t part = 0; part < parts.size(); ++part) {
        RandomStream random(seed, "patients", static_cast<std::uint64_t>(r), part);
        const CellMeans one = parts[part].resampled(random);
        mean.pooled += one.pooled / static_cast<double>(parts.size());
        mean.over_organs += one.over_organs / static_cast<double>(parts.size());
      }
    }
  });
  return means;
}

std::vector<double> column(const std::vector<CellMeans>& means, double CellMeans::*member) {
  std::vector<double> values;
  for (const CellMeans& mean : means) values.push_back(mean.*member);
  return values;
}

// One cluster for each patient, so that the clustered mean is the mean over all pairs.
std::vector<Cluster> clusters_of(const std::vector<PatientScores>& patients) {
  std::vector<Cluster> clusters;
  for (const PatientScores& patient : patients)
    clusters.push_back({patient.sum(), static_cast<double>(patient.by_organ.size())});
  return clusters;
}

struct OrganTotal {
  double sum = 0, patients = 0;
  [[nodiscard]] double mean() const { return sum / patients; }
};

std::map<std::int64_t, OrganTotal> totals_of_organs(const std::vector<PatientScores>& patients) {
  std::map<std::int64_t, OrganTotal> totals;
  for (const PatientScores& patient : patients) {
    for (const auto& [organ, value] : patient.by_organ) {
      totals[organ].sum += value;
      totals[organ].patients += 1;
    }
  }
  return totals;
}

double mean_over_organs(const std::vector<PatientScores>& patients) {
  const auto organs = totals_of_organs(patients);
  double sum = 0;
  for (const auto& [organ, total] : organs) sum += total.mean();
  return sum / static_cast<double>(organs.size());
}

// Counts, mean and deviation of the pooled pairs.
CellSummary pooled(const std::vector<PatientScores>& patients) {
  CellSummary summary;
  summary.patients = static_cast<std::int64_t>(patients.size());
  double sum = 0;
  for (const PatientScores& patient : patients) {
    sum += patient.sum();
    summary.values += static_cast<std::int64_t>(patient.by_organ.size());
  }
  summary.mean = sum / static_cast<double>(summary.values);
  double squares = 0;
  for (const PatientScores& patient : patients) {
    for (const auto& [organ, value] : patient.by_organ)
      squares += (value - summary.mean) * (value - summary.mean);
  }
  if (summary.values > 1) summary.sd = std::sqrt(squares / static_cast<double>(summary.values - 1));
  summary.mean_over_organs = mean_over_organs(patients);
  return summary;
}

// The bootstrap intervals of a summary that has its means.
void add_bootstrap(const std::vector<std::vector<PatientScores>>& parts, std::int64_t resamples,
                   std::uint64_t seed, int threads, CellSummary& summary) {
  const std::vector<FlatPatients> flat(parts.begin(), parts.end());
  const auto resampled = bootstrap(flat, resamples, seed, threads);
  const auto interval = [&](double estimate, double CellMeans::*member) {
    std::vector<std::vector<double>> left_out;
    for (const FlatPatients& part : flat) left_out.push_back(column(part.leave_one_out(), member));
    return bca_interval(estimate, column(resampled, member), left_out, kConfidence);
  };
  summary.bca = interval(summary.mean, &CellMeans::pooled);
  summary.bca_over_organs = interval(summary.mean_over_organs, &CellMeans::over_organs);
}

}  // namespace

ClusteredMean mean_of_organ_means(const std::vector<PatientScores>& patients) {
  const auto organs = totals_of_organs(patients);
  ClusteredMean result{mean_over_organs(patients), 0, 0};
  const auto count = static_cast<double>(organs.size());
  double squares = 0;
  double variances = 0;  // of the means of organs that two patients or more have
  for (const PatientScores& patient : patients) {
    double added = 0;
    for (const auto& [organ, value] : patient.by_organ) {
      const OrganTotal& total = organs.at(organ);
      const double n = total.patients;
      if (n < 2) continue;
      const double share = std::sqrt(n / (n - 1)) * (value - total.mean()) / n;
      added += share / count;
      variances += share * share * n;  // that of a single patient's value
    }
    squares += added * added;
  }
  const auto single = static_cast<double>(std::count_if(
      organs.begin(), organs.end(), [](const auto& organ) { return organ.second.patients < 2; }));
  if (single == count || patients.size() < 2) return result;
  squares += single * variances / (count - single) / (count * count);
  result.standard_error = std::sqrt(squares);
  result.degrees_of_freedom = static_cast<double>(patients.size()) - 1;
  return result;
}

std::optional<PrintedMeans> printed_means(const std::vector<std::vector<PatientScores>>& parts) {
  PrintedMeans means;
  for (const auto& part : parts) {
    if (part.empty()) return std::nullopt;
    means.pooled += clustered_mean(clusters_of(part)).mean / static_cast<double>(parts.size());
    means.over_organs += mean_over_organs(part) / static_cast<double>(parts.size());
  }
  return means;
}

double PatientScores::sum() const {
  double total = 0;
  for (const auto& [organ, value] : by_organ) total += value;
  return total;
}

double PatientScores::mean() const { return sum() / static_cast<double>(by_organ.size()); }

// The published code scores organs that are not there with 0, predicted or not.
bool is_averaged(const Score& score) { return score.in_reference || score.metric == "dice_published"; }

std::map<std::int64_t, std::int64_t> missed_by_organ(const std::vector<Score>& scores,
                                                     const CellFilter& filter) {
  std::map<std::int64_t, std::int64_t> count;
  for (const Score& score : scores) {
    if (is_row_of(score, filter) && is_averaged(score) && !score.value) ++count[score.organ];
  }
  return count;
}

std::int64_t missed(const std::vector<Score>& scores, const CellFilter& filter) {
  std::int64_t total = 0;
  for (const auto& [organ, count] : missed_by_organ(scores, filter)) total += count;
  return total;
}

std::int64_t hallucinations(const std::vector<Score>& scores, const CellFilter& filter) {
  return std::count_if(scores.begin(), scores.end(),
                       [&](const Score& score) { return is_value_of(score, filter) && !is_averaged(score); });
}

std::vector<PatientScores> patients_of_cell(const std::vector<Score>& scores, const CellFilter& filter) {
  std::map<std::string, std::map<std::int64_t, std::pair<double, std::int64_t>>> totals;
  for (const Score& score : scores) {
    if (!is_value_of(score, filter) || !is_averaged(score)) continue;
    auto& [sum, count] = totals[score.case_id][score.organ];
    sum += *score.value;
    ++count;
  }
  std::vector<PatientScores> patients;
  for (const auto& [case_id, organs] : totals) {
    PatientScores patient{case_id, {}};
    for (const auto& [organ, total] : organs)
      patient.by_organ[organ] = total.first / static_cast<double>(total.second);
    patients.push_back(std::move(patient));
  }
  return patients;
}

std::optional<CellSummary> summarise_cell(const std::vector<PatientScores>& patients, std::int64_t resamples,
                                          std::uint64_t seed, int threads) {
  return summarise_mean_of({patients}, resamples, seed, threads);
}

std::optional<CellSummary> summarise_mean_of(const std::vector<std::vector<PatientScores>>& parts,
                                             std::int64_t resamples, std::uint64_t seed, int threads) {
  CellSummary summary;
  summary.sd = 0;
  std::vector<ClusteredMean> means;
  std::vector<ClusteredMean> organ_means;
  bool has_spread = true;
  for (const auto& part : parts) {
    if (part.empty()) return std::nullopt;
    const CellSummary one = pooled(part);
    summary.patients += one.patients;
    summary.values += one.values;
    summary.mean += one.mean / static_cast<double>(parts.size());
    summary.mean_over_organs += one.mean_over_organs / static_cast<double>(parts.size());
    if (!one.sd) summary.sd = std::nullopt;
    if (summary.sd) *summary.sd += *one.sd / static_cast<double>(parts.size());
    means.push_back(clustered_mean(clusters_of(part)));
    organ_means.push_back(mean_of_organ_means(part));
    summary.fewest_patients =
        &part == &parts.front() ? one.patients : std::min(summary.fewest_patients, one.patients);
    has_spread = has_spread && part.size() > 1;
  }
  if (!has_spread) return summary;
  summary.t = t_interval(mean_of_means(means), kConfidence);
  summary.t_over_organs = t_interval(mean_of_means(organ_means), kConfidence);
  add_bootstrap(parts, resamples, seed, threads, summary);
  summary.leading = leading_interval(summary.t, summary.bca, summary.fewest_patients);
  summary.leading_over_organs =
      leading_interval(summary.t_over_organs, summary.bca_over_organs, summary.fewest_patients);
  return summary;
}

}  // namespace totum
