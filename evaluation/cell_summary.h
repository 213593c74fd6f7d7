#pragma once
// The numbers of one table cell for one method, from its scores: patients stay together when resampled.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "evaluation/intervals.h"
#include "evaluation/scores.h"

namespace totum {

/// Which scores belong to a basic cell.
struct CellFilter {
  Modality test_modality = Modality::ct;
  Relation relation = Relation::intra;
  std::string metric, grid;
};

/// One patient's scores in a cell, averaged over seeds: by organ, defined scores only.
struct PatientScores {
  std::string case_id;
  std::map<std::int64_t, double> by_organ;

  [[nodiscard]] double sum() const;
  [[nodiscard]] double mean() const;  // over the organs; not for a patient without organs
};

/// Patients with at least one score that counts, by case id. `scores` may hold several runs (seeds): each
/// organ's value is the mean over the runs that scored it.
///
/// What counts is decided by the reference alone, so that all methods are averaged and paired over the same
/// (case, organ): an organ that is not in the reference is left out for every method, whether it was
/// predicted or not, and its Dice of 0 where it was predicted is a hallucination, counted by
/// hallucinations(). An organ that was missed counts with 0. `dice_published` follows the published code
/// instead: nothing is left out.
std::vector<PatientScores> patients_of_cell(const std::vector<Score>& scores, const CellFilter& filter);

/// Is the score part of means and pairs where it has a value? See patients_of_cell().
bool is_averaged(const Score& score);

/// Organs of the reference that have no value, for instance since they were missed and the metric skips that:
/// (run, case, organ) of the cell.
std::int64_t missed(const std::vector<Score>& scores, const CellFilter& filter);
std::map<std::int64_t, std::int64_t> missed_by_organ(const std::vector<Score>& scores,
                                                     const CellFilter& filter);

/// Predictions of an organ that is not in the reference: (run, case, organ) of the cell.
std::int64_t hallucinations(const std::vector<Score>& scores, const CellFilter& filter);

struct CellSummary {
  std::int64_t patients = 0;
  std::int64_t values = 0;      // (patient, organ) pairs
  double mean = 0;              // over all (patient, organ) pairs: the paper's
  std::optional<double> sd;     // of these pairs (n - 1): the paper's ±; none for a single pair
  double mean_over_organs = 0;  // mean over patients for each organ, then over organs: the primary estimator
  std::int64_t fewest_patients = 0;  // of any part of a mean of cells
  // 95 % intervals; none if a cell, or a part of a mean of cells, has fewer than two patients.
  std::optional<Interval> bca;              // of `mean`, resampling patients with all their organs
  std::optional<Interval> bca_over_organs;  // of `mean_over_organs`, from the same resamples
  std::optional<Interval> t;                // of `mean`, with patients as the independent units
  std::optional<Interval> t_over_organs;    // of `mean_over_organs`: mean_of_organ_means()
  // The ones to quote: leading_interval().
  std::optional<Interval> leading, leading_over_organs;
};

/// Mean over organs with its standard error over patients, who may lack organs: from what each patient adds
/// to the linear approximation, √(n/(n-1))·(value - mean)/n for each of his organs that n patients have. An
/// organ of a single patient, of whose spread nothing is known, adds the mean variance of the others. Degrees
/// of freedom: patients - 1; none if no organ has two patients. With all organs in all patients it is the
/// mean of the patients' means. Source: Cochran, Sampling Techniques, 3rd ed. (1977), 6.11, for each organ.
ClusteredMean mean_of_organ_means(const std::vector<PatientScores>& patients);

/// The two printed means of a cell, or of the plain mean of several; nullopt if a part has no patient.
struct PrintedMeans {
  double pooled = 0, over_organs = 0;
};
std::optional<PrintedMeans> printed_means(const std::vector<std::vector<PatientScores>>& parts);

/// nullopt if no patient has a score.
std::optional<CellSummary> summarise_cell(const std::vector<PatientScores>& patients, std::int64_t resamples,
                                          std::uint64_t seed, int threads);

/// Mean of several cells' means and of their deviations, each with the same weight whatever its size. The
/// bootstrap resamples each part on its own; t has the Welch-Satterthwaite degrees of freedom. The parts must
/// have different patients. nullopt if a part has none.
std::optional<CellSummary> summarise_mean_of(const std::vector<std::vector<PatientScores>>& parts,
                                             std::int64_t resamples, std::uint64_t seed, int threads);

}  // namespace totum
