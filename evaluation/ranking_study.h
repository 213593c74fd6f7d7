#pragma once
// The order of several methods under four schemes, and how far it can be trusted when patients are resampled.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "evaluation/common_scores.h"
#include "evaluation/pairwise_tests.h"

namespace totum {

enum class RankingScheme : std::uint8_t {
  mean,       // of each organ over patients, then over organs: the primary estimator
  median,     // of the patients' means over organs
  mean_rank,  // ranks within each patient, then averaged
  tests,      // how many other methods it is significantly better than
};
inline constexpr std::array kRankingSchemes{RankingScheme::mean, RankingScheme::median,
                                            RankingScheme::mean_rank, RankingScheme::tests};
std::string_view to_string(RankingScheme scheme);

struct RankingOptions {
  SignedRankOptions test;  // of all pairs of methods; two-sided; its tie tolerance holds for all schemes
  double alpha = 0.05;
  bool higher_is_better = true;
  std::int64_t resamples = 10000;
  std::uint64_t seed = 0;
  int threads = 1;
};

/// A rank is 1 + the number of methods that are better: methods that tie share the better rank.
struct Ranking {
  RankingScheme scheme = RankingScheme::mean;
  std::vector<double> values;       // [method]
  std::vector<std::int64_t> ranks;  // [method]
  // Over the resamples; empty where a part has fewer than two patients.
  std::vector<std::vector<double>> frequencies;         // [method][rank - 1], each row adds up to 1
  std::vector<std::array<std::int64_t, 2>> interval95;  // [method] the middle 95 % of them
};

struct RankingStudy {
  std::vector<Ranking> rankings;  // in the order of kRankingSchemes
  // By patient, all parts together, of values turned so that "higher" is "better".
  std::vector<PairwiseTest> tests;
  /// [method][method] Share of the resamples in which the first does not come before the second by `mean`;
  /// ties count half. Empty as above. For the better one of two methods: how often resamples turn their
  /// order around.
  std::vector<std::vector<double>> not_before;
};

/// parts   the cell, or the cells that it is the plain mean of; each with the same methods, which have a
///         patient in every part
///
/// Patients are resampled with all their organs, for all methods at once and within each part. `mean` and
/// `median` are plain means over the parts; `mean_rank` and `tests` take the patients of all parts together.
/// In resamples the tests take the normal approximation, and only where so many pairs could be significant by
/// the exact distribution at all. Replicate r draws from a stream of its own, so any number of threads gives
/// the same bytes.
///
/// Source: Wiesenfarth et al., Scientific Reports 11 (2021) 2369, for schemes and bootstrap; Maier-Hein et
/// al., Nature Communications 9 (2018) 5217. Throws DataError without methods or without patients.
RankingStudy study_rankings(std::span<const CommonScores> parts, const RankingOptions& options);

}  // namespace totum
