#pragma once
// What several methods were scored on alike: the ground on which they may be ranked.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "evaluation/cell_summary.h"

namespace totum {

/// The (patient, organ) pairs of one part of a cell that all methods have a score of.
struct CommonScores {
  std::vector<std::string> case_ids;                     // [patient], ascending
  std::vector<std::vector<std::int64_t>> organs;         // [patient][…], ascending, never empty
  std::vector<std::vector<std::vector<double>>> values;  // [method][patient][as organs]
  std::int64_t patients_left_out = 0;  // scored for some methods only, or without an organ common to all
  std::int64_t values_left_out = 0;    // (patient, organ) pairs that some methods have a score of, not all
};

/// methods   [method], each the patients of the same part of a cell
CommonScores common_scores(std::span<const std::vector<PatientScores>> methods);

/// Each patient's mean over the common organs: [method][patient].
std::vector<std::vector<double>> patient_means(const CommonScores& scores);

}  // namespace totum
