#include "evaluation/wilcoxon.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <vector>

#include "evaluation/signed_ranks.h"

namespace totum {

namespace {

constexpr std::int64_t kLargestExact = 50;

std::int64_t tied_differences(const std::vector<RankedDifference>& ranked) {
  std::int64_t ties = 0;
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    const bool with_last = i > 0 && ranked[i - 1].rank == ranked[i].rank;
    const bool with_next = i + 1 < ranked.size() && ranked[i + 1].rank == ranked[i].rank;
    if (!ranked[i].is_zero && (with_last || with_next)) ++ties;
  }
  return ties;
}

double zero_rank_sum(const std::vector<RankedDifference>& ranked) {
  double sum = 0;
  for (const auto& r : ranked) sum += r.is_zero ? r.rank : 0.0;
  return sum;
}

// P(W+ >= w) and P(W+ <= w). Under zsplit zeros add a constant on both sides.
struct Tails {
  double upper, lower;
};
Tails exact_tails(const std::vector<RankedDifference>& ranked, double w_plus, double constant) {
  const std::vector<double> probability = signed_rank_distribution(ranked);
  const auto observed = static_cast<std::size_t>(std::llround(2 * (w_plus - constant)));
  Tails tails{0, 0};
  for (std::size_t s = 0; s < probability.size(); ++s) {
    if (s >= observed) tails.upper += probability[s];
    if (s <= observed) tails.lower += probability[s];
  }
  return {std::min(1.0, tails.upper), std::min(1.0, tails.lower)};
}

double exact_p(const Tails& tails, Alternative alternative) {
  switch (alternative) {
    case Alternative::greater:
      return tails.upper;
    case Alternative::less:
      return tails.lower;
    case Alternative::two_sided:
      break;
  }
  return std::min(1.0, 2 * std::min(tails.upper, tails.lower));
}

double standard_error(const std::vector<RankedDifference>& ranked, std::int64_t zeros, ZeroRule rule) {
  const auto n = static_cast<double>(ranked.size());
  double variance = n * (n + 1) * (2 * n + 1);
  if (rule == ZeroRule::pratt) {
    const auto z = static_cast<double>(zeros);
    variance -= z * (z + 1) * (2 * z + 1);
  }
  for (std::size_t first = 0; first < ranked.size();) {
    std::size_t last = first;
    while (last < ranked.size() && ranked[last].rank == ranked[first].rank) ++last;
    const auto group = static_cast<double>(last - first);
    const bool counts = !(ranked[first].is_zero && rule == ZeroRule::pratt);
    if (counts) variance -= (group * group * group - group) / 2;
    first = last;
  }
  return std::sqrt(variance / 24);
}

void normal_p(const std::vector<RankedDifference>& ranked, const SignedRankOptions& options,
              SignedRankResult& result) {
  const auto n = static_cast<double>(ranked.size());
  double mean = n * (n + 1) / 4;
  if (options.zeros == ZeroRule::pratt) {
    const auto zeros = static_cast<double>(result.zeros);
    mean -= zeros * (zeros + 1) / 4;
  }
  const double error = standard_error(ranked, result.zeros, options.zeros);
  double shift = result.w_plus - mean;
  if (options.continuity_correction) {
    const double sign = options.alternative == Alternative::greater ? 1
                        : options.alternative == Alternative::less
                            ? -1
                            : static_cast<double>((shift > 0) - (shift < 0));
    shift -= 0.5 * sign;
  }
  result.z = error > 0 ? shift / error : 0;
  const boost::math::normal standard;
  const auto upper = [&](double z) { return boost::math::cdf(boost::math::complement(standard, z)); };
  switch (options.alternative) {
    case Alternative::greater:
      result.p_value = upper(result.z);
      break;
    case Alternative::less:
      result.p_value = upper(-result.z);
      break;
    case Alternative::two_sided:
      result.p_value = std::min(1.0, 2 * upper(std::abs(result.z)));
      break;
  }
}

}  // namespace

std::vector<double> signed_rank_distribution(std::span<const RankedDifference> ranked) {
  std::vector<std::size_t> doubled;
  std::size_t total = 0;
  for (const auto& r : ranked) {
    if (r.is_zero) continue;
    doubled.push_back(static_cast<std::size_t>(std::llround(2 * r.rank)));
    total += doubled.back();
  }
  std::vector<double> probability(total + 1, 0.0);
  probability[0] = 1;
  std::size_t reached = 0;
  for (const std::size_t rank : doubled) {
    reached += rank;
    for (std::size_t s = reached + 1; s-- > 0;) {
      probability[s] = 0.5 * (probability[s] + (s >= rank ? probability[s - rank] : 0.0));
    }
  }
  return probability;
}

SignedRankResult wilcoxon_signed_rank(std::span<const double> a, std::span<const double> b,
                                      const SignedRankOptions& options) {
  const auto ranked = rank_differences(a, b, options.zeros == ZeroRule::wilcox, options.tie_tolerance);
  SignedRankResult result;
  result.pairs = static_cast<std::int64_t>(a.size());
  std::int64_t nonzero = 0;
  for (const auto& r : ranked) {
    if (r.is_zero) continue;
    ++nonzero;
    (r.difference > 0 ? result.w_plus : result.w_minus) += r.rank;
  }
  result.zeros = result.pairs - nonzero;
  result.ties = tied_differences(ranked);
  const double constant = options.zeros == ZeroRule::zsplit ? zero_rank_sum(ranked) / 2 : 0;
  result.w_plus += constant;
  result.w_minus += constant;
  result.statistic =
      options.alternative == Alternative::two_sided ? std::min(result.w_plus, result.w_minus) : result.w_plus;
  result.exact = options.distribution == Distribution::exact ||
                 (options.distribution == Distribution::automatic && result.pairs <= kLargestExact);
  if (nonzero == 0) return result;  // p = 1
  if (result.exact) {
    result.p_value = exact_p(exact_tails(ranked, result.w_plus, constant), options.alternative);
  } else {
    normal_p(ranked, options, result);
  }
  return result;
}

double smallest_signed_rank_p(std::int64_t pairs) {
  return std::min(1.0, std::ldexp(2.0, -static_cast<int>(std::min<std::int64_t>(pairs, 1000))));
}

std::string_view to_string(ZeroRule rule) {
  return rule == ZeroRule::pratt ? "pratt" : rule == ZeroRule::wilcox ? "wilcox" : "zsplit";
}
std::string_view to_string(Alternative alternative) {
  return alternative == Alternative::two_sided ? "two-sided"
         : alternative == Alternative::greater ? "greater"
                                               : "less";
}

}  // namespace totum
