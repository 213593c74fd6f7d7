#include "evaluation/ranking_study.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/parallel.h"
#include "core/random.h"
#include "evaluation/ranking.h"
#include "evaluation/resampled_signed_rank.h"

namespace totum {

namespace {

using Counts = std::vector<std::uint16_t>;  // how often each patient of all parts stands in a resample
using Rows = std::vector<std::vector<double>>;

constexpr std::size_t kSchemes = kRankingSchemes.size();

// One part as plain arrays, values turned so that higher is better.
class Part {
 public:
  Part(const CommonScores& scores, double sign, std::size_t first_patient)
      : first_patient_(first_patient), patients_(scores.case_ids.size()), scored_(patients_ * kOrgans) {
    for (std::size_t p = 0; p < patients_; ++p) {
      for (const std::int64_t organ : scores.organs[p]) scored_[place(p, organ)] = 1;
    }
    means_ = patient_means(scores);
    for (std::size_t m = 0; m < scores.values.size(); ++m) {
      auto& values = values_.emplace_back(patients_ * kOrgans);
      for (std::size_t p = 0; p < patients_; ++p) {
        for (std::size_t o = 0; o < scores.organs[p].size(); ++o)
          values[place(p, scores.organs[p][o])] = sign * scores.values[m][p][o];
      }
      for (double& mean : means_[m]) mean *= sign;
      auto& order = ascending_.emplace_back(patients_);
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::stable_sort(order.begin(), order.end(),
                       [&](auto x, auto y) { return means_[m][x] < means_[m][y]; });
    }
  }

  [[nodiscard]] std::size_t patients() const { return patients_; }
  [[nodiscard]] const Rows& patients_means() const { return means_; }

  /// Adds this part's share of each method's mean over organs.
  void add_means(const Counts& counts, double weight, std::vector<double>& out) const {
    std::array<double, kOrgans> scored{};
    for (std::size_t p = 0; p < patients_; ++p) add_patient(scored_, p, counts, scored);
    const auto organs =
        static_cast<double>(std::count_if(scored.begin(), scored.end(), [](double n) { return n > 0; }));
    for (std::size_t m = 0; m < values_.size(); ++m) {
      std::array<double, kOrgans> sums{};
      for (std::size_t p = 0; p < patients_; ++p) add_patient(values_[m], p, counts, sums);
      double total = 0;
      for (std::size_t o = 0; o < sums.size(); ++o) total += scored[o] > 0 ? sums[o] / scored[o] : 0;
      out[m] += weight * total / organs;
    }
  }

  /// The same of each method's median over patients.
  void add_medians(const Counts& counts, double weight, std::vector<double>& out) const {
    std::size_t total = 0;
    for (std::size_t p = 0; p < patients_; ++p) total += counts[first_patient_ + p];
    for (std::size_t m = 0; m < values_.size(); ++m) {
      const double low = order_statistic(m, counts, (total - 1) / 2);
      const double high = total % 2 == 1 ? low : order_statistic(m, counts, total / 2);
      out[m] += weight * (low + high) / 2;
    }
  }

 private:
  [[nodiscard]] static std::size_t place(std::size_t patient, std::int64_t organ) {
    return patient * kOrgans + static_cast<std::size_t>(organ - 1);
  }
  void add_patient(const std::vector<double>& from, std::size_t patient, const Counts& counts,
                   std::array<double, kOrgans>& to) const {
    const double count = counts[first_patient_ + patient];
    for (std::size_t o = 0; o < to.size(); ++o) to[o] += count * from[patient * kOrgans + o];
  }
  // The value at this place, from 0, among the resampled patients' means of a method.
  [[nodiscard]] double order_statistic(std::size_t method, const Counts& counts, std::size_t at) const {
    std::size_t passed = 0;
    for (const std::size_t p : ascending_[method]) {
      passed += counts[first_patient_ + p];
      if (passed > at) return means_[method][p];
    }
    return means_[method][ascending_[method].back()];
  }

  std::size_t first_patient_, patients_;
  std::vector<double> scored_;  // [patient][organ] 1 or 0
  Rows values_;                 // [method][patient][organ], 0 where not scored
  Rows means_;                  // [method][patient]
  std::vector<std::vector<std::size_t>> ascending_;
};

// |z| that the k-th largest of `tests` must exceed under Holm; infinite where the exact test of so many pairs
// could not.
std::vector<double> holm_thresholds(std::size_t tests, std::size_t pairs, double alpha) {
  std::vector<double> thresholds;
  for (std::size_t k = 0; k < tests; ++k) {
    const double level = alpha / static_cast<double>(tests - k);
    const bool is_reachable = smallest_signed_rank_p(static_cast<std::int64_t>(pairs)) < level;
    thresholds.push_back(
        is_reachable ? boost::math::quantile(boost::math::complement(boost::math::normal(), level / 2))
                     : std::numeric_limits<double>::infinity());
  }
  return thresholds;
}

class Study {
 public:
  Study(std::span<const CommonScores> parts, const RankingOptions& options) : options_(options) {
    if (parts.empty() || parts.front().values.empty()) throw DataError("there are no methods to rank");
    methods_ = parts.front().values.size();
    means_.resize(methods_);
    const double sign = options.higher_is_better ? 1 : -1;
    for (const CommonScores& scores : parts) {
      if (scores.case_ids.empty()) throw DataError("there are no patients to rank methods on");
      parts_.emplace_back(scores, sign, patients_);
      patients_ += parts_.back().patients();
      for (std::size_t m = 0; m < methods_; ++m) {
        const auto& of_method = parts_.back().patients_means()[m];
        means_[m].insert(means_[m].end(), of_method.begin(), of_method.end());
      }
    }
    ranks_ = ranks_within_cases(means_, options.test.tie_tolerance);
    for (std::size_t i = 0; i < methods_; ++i) {
      for (std::size_t j = i + 1; j < methods_; ++j)
        differences_.emplace_back(means_[i], means_[j], options.test);
    }
    thresholds_ = holm_thresholds(differences_.size(), patients_, options.alpha);
  }

  RankingStudy run() const {
    RankingStudy study;
    SignedRankOptions two_sided = options_.test;
    two_sided.alternative = Alternative::two_sided;
    study.tests = pairwise_signed_rank(means_, two_sided);
    const Counts once(patients_, 1);
    for (const RankingScheme scheme : kRankingSchemes) {
      Ranking ranking;
      ranking.scheme = scheme;
      const auto merit = scheme == RankingScheme::tests ? wins(study.tests) : merit_of(scheme, once);
      ranking.ranks = ranks_of(merit);
      for (const double value : merit) ranking.values.push_back(shown(scheme, value));
      study.rankings.push_back(std::move(ranking));
    }
    const bool has_spread =
        std::all_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.patients() > 1; });
    if (has_spread && options_.resamples > 0) add_bootstrap(study);
    return study;
  }

 private:
  // What `scheme` goes by, higher for the better method.
  [[nodiscard]] std::vector<double> merit_of(RankingScheme scheme, const Counts& counts) const {
    std::vector<double> merit(methods_, 0.0);
    const double weight = 1 / static_cast<double>(parts_.size());
    switch (scheme) {
      case RankingScheme::mean:
        for (const Part& part : parts_) part.add_means(counts, weight, merit);
        break;
      case RankingScheme::median:
        for (const Part& part : parts_) part.add_medians(counts, weight, merit);
        break;
      case RankingScheme::mean_rank:
        for (std::size_t m = 0; m < methods_; ++m) {
          for (std::size_t p = 0; p < patients_; ++p) merit[m] -= counts[p] * ranks_[m][p];
          merit[m] /= static_cast<double>(patients_);
        }
        break;
      case RankingScheme::tests:
        return resampled_wins(counts);
    }
    return merit;
  }

  // From what a scheme goes by to the value that a reader expects.
  [[nodiscard]] double shown(RankingScheme scheme, double merit) const {
    if (scheme == RankingScheme::tests) return merit;
    return scheme == RankingScheme::mean_rank || !options_.higher_is_better ? -merit : merit;
  }

  [[nodiscard]] std::vector<double> wins(const std::vector<PairwiseTest>& tests) const {
    std::vector<double> count(methods_, 0.0);
    for (const PairwiseTest& test : tests) {
      if (test.first_is_higher(options_.alpha)) count[test.first] += 1;
      if (test.second_is_higher(options_.alpha)) count[test.second] += 1;
    }
    return count;
  }

  [[nodiscard]] std::vector<double> resampled_wins(const Counts& counts) const {
    std::vector<std::pair<double, std::size_t>> by_size;  // |z|, test
    std::vector<double> z;
    for (const SortedDifferences& differences : differences_) {
      z.push_back(differences.z(counts));
      by_size.emplace_back(-std::abs(z.back()), by_size.size());
    }
    std::sort(by_size.begin(), by_size.end());
    std::vector<bool> is_significant(z.size(), false);
    for (std::size_t k = 0; k < by_size.size() && -by_size[k].first > thresholds_[k]; ++k)
      is_significant[by_size[k].second] = true;
    std::vector<double> count(methods_, 0.0);
    std::size_t test = 0;
    for (std::size_t i = 0; i < methods_; ++i) {
      for (std::size_t j = i + 1; j < methods_; ++j, ++test) {
        if (is_significant[test]) count[z[test] > 0 ? i : j] += 1;
      }
    }
    return count;
  }

  [[nodiscard]] std::vector<std::int64_t> ranks_of(const std::vector<double>& merit) const {
    std::vector<std::int64_t> ranks;
    for (const double own : merit) {
      ranks.push_back(1 + std::count_if(merit.begin(), merit.end(), [&](double other) {
                        return other > own + options_.test.tie_tolerance;
                      }));
    }
    return ranks;
  }

  [[nodiscard]] Counts draw(std::int64_t replicate) const {
    Counts counts(patients_, 0);
    std::size_t first = 0;
    for (std::size_t part = 0; part < parts_.size(); ++part) {
      RandomStream random(options_.seed, "rankings", static_cast<std::uint64_t>(replicate), part);
      const auto n = static_cast<std::int64_t>(parts_[part].patients());
      for (std::int64_t i = 0; i < n; ++i) ++counts[first + static_cast<std::size_t>(random.below(n))];
      first += parts_[part].patients();
    }
    return counts;
  }

  void add_bootstrap(RankingStudy& study) const {
    const auto resamples = static_cast<std::size_t>(options_.resamples);
    std::vector<std::vector<std::int64_t>> ranks(resamples * kSchemes);  // [replicate][scheme] of each method
    Rows means(resamples);
    constexpr std::int64_t kChunk = 64;
    parallel_for((options_.resamples + kChunk - 1) / kChunk, options_.threads, [&](std::int64_t chunk) {
      for (std::int64_t r = chunk * kChunk; r < std::min(options_.resamples, (chunk + 1) * kChunk); ++r) {
        const Counts counts = draw(r);
        for (std::size_t s = 0; s < kSchemes; ++s) {
          const auto merit = merit_of(kRankingSchemes[s], counts);
          ranks[static_cast<std::size_t>(r) * kSchemes + s] = ranks_of(merit);
          if (kRankingSchemes[s] == RankingScheme::mean) means[static_cast<std::size_t>(r)] = merit;
        }
      }
    });
    for (std::size_t s = 0; s < kSchemes; ++s) {
      auto& ranking = study.rankings[s];
      ranking.frequencies.assign(methods_, std::vector<double>(methods_, 0.0));
      for (std::size_t r = 0; r < resamples; ++r) {
        for (std::size_t m = 0; m < methods_; ++m)
          ranking.frequencies[m][static_cast<std::size_t>(ranks[r * kSchemes + s][m] - 1)] += 1;
      }
      for (auto& row : ranking.frequencies) {
        ranking.interval95.push_back(middle_95(row));
        for (double& share : row) share /= static_cast<double>(resamples);
      }
    }
    add_order(means, study);
  }

  // The lowest ranks up to which at least 2.5 % and 97.5 % of the resamples lie.
  [[nodiscard]] std::array<std::int64_t, 2> middle_95(const std::vector<double>& resamples_at_rank) const {
    const double total = std::accumulate(resamples_at_rank.begin(), resamples_at_rank.end(), 0.0);
    const auto rank_at = [&](double share) {
      double passed = 0;
      std::int64_t rank = 0;
      while (passed < share * total - 1e-9) passed += resamples_at_rank[static_cast<std::size_t>(rank++)];
      return rank;
    };
    return {rank_at(0.025), rank_at(0.975)};
  }

  void add_order(const Rows& means, RankingStudy& study) const {
    study.not_before.assign(methods_, std::vector<double>(methods_, 0.0));
    for (const auto& merit : means) {
      for (std::size_t i = 0; i < methods_; ++i) {
        for (std::size_t j = 0; j < methods_; ++j) {
          const double lead = merit[i] - merit[j];
          const bool is_tie = std::abs(lead) <= options_.test.tie_tolerance;
          study.not_before[i][j] += is_tie ? 0.5 : lead < 0 ? 1 : 0;
        }
      }
    }
    for (auto& row : study.not_before) {
      for (double& share : row) share /= static_cast<double>(means.size());
    }
  }

  const RankingOptions& options_;
  std::size_t methods_ = 0, patients_ = 0;
  std::vector<Part> parts_;
  Rows means_;                                  // [method][patient of all parts], higher is better
  Rows ranks_;                                  // within each patient
  std::vector<SortedDifferences> differences_;  // of all pairs of methods
  std::vector<double> thresholds_;
};

}  // namespace

std::string_view to_string(RankingScheme scheme) {
  switch (scheme) {
    case RankingScheme::mean:
      return "mean";
    case RankingScheme::median:
      return "median";
    case RankingScheme::mean_rank:
      return "mean_rank";
    case RankingScheme::tests:
      return "tests";
  }
  return "";
}

RankingStudy study_rankings(std::span<const CommonScores> parts, const RankingOptions& options) {
  return Study(parts, options).run();
}

}  // namespace totum
