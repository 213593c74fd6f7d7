#include "evaluation/weighted_signed_rank.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <limits>

#include "evaluation/signed_ranks.h"

namespace totum {

namespace {

constexpr std::size_t kLargestExact = 50;  // pairs of a stratum
constexpr std::size_t kMostExactStrata = 4;
constexpr double kSlack = 1e-12;  // sums of the same numbers in another order

struct Atom {
  double value = 0, probability = 0;
};

// The null distribution of one stratum's share of the statistic, ascending.
std::vector<Atom> atoms_of(const std::vector<RankedDifference>& ranked, double factor) {
  const std::vector<double> probability = signed_rank_distribution(ranked);
  const double half = static_cast<double>(probability.size() - 1) / 2;  // the mean, in doubled ranks
  std::vector<Atom> atoms;
  for (std::size_t s = 0; s < probability.size(); ++s) {
    if (probability[s] > 0) atoms.push_back({factor * (static_cast<double>(s) - half), probability[s]});
  }
  return atoms;
}

std::vector<Atom> convolved(const std::vector<Atom>& a, const std::vector<Atom>& b) {
  std::vector<Atom> all;
  all.reserve(a.size() * b.size());
  for (const Atom& x : a) {
    for (const Atom& y : b) all.push_back({x.value + y.value, x.probability * y.probability});
  }
  std::sort(all.begin(), all.end(), [](const Atom& x, const Atom& y) { return x.value < y.value; });
  return all;
}

// P(sum of the two >= value), both ascending.
double upper_tail(const std::vector<Atom>& a, const std::vector<Atom>& b, double value) {
  double tail = 0;
  double above = 0;
  std::size_t place = b.size();
  for (const Atom& x : a) {  // as x grows, more of b reaches
    while (place > 0 && x.value + b[place - 1].value >= value - kSlack) above += b[--place].probability;
    tail += x.probability * above;
  }
  return std::min(1.0, tail);
}

// The null distribution as two independent halves whose sum is meant.
class NullDistribution {
 public:
  explicit NullDistribution(const std::vector<std::vector<Atom>>& strata) : a_{{0, 1}}, b_{{0, 1}} {
    for (std::size_t i = 0; i < strata.size(); ++i) {
      std::vector<Atom>& half = i % 2 == 0 ? a_ : b_;
      half = half.size() == 1 ? strata[i] : convolved(half, strata[i]);
    }
  }
  [[nodiscard]] double upper(double value) const { return upper_tail(a_, b_, value); }

 private:
  std::vector<Atom> a_, b_;
};

double factor_of(const RankedStratum& stratum, std::size_t ranked) {
  const auto n = static_cast<double>(ranked);
  return stratum.weight * 2 / (n * (n + 1));
}

double normal_upper(double z) { return boost::math::cdf(boost::math::complement(boost::math::normal(), z)); }

// The distribution is symmetric about 0, so P(S <= s) is P(S >= -s).
template <typename Upper>
double p_of(double statistic, Alternative alternative, Upper&& upper) {
  if (alternative == Alternative::greater) return upper(statistic);
  if (alternative == Alternative::less) return upper(-statistic);
  return std::min(1.0, 2 * upper(std::abs(statistic)));
}

}  // namespace

WeightedSignedRank weighted_signed_rank(std::span<const RankedStratum> strata,
                                        const SignedRankOptions& options) {
  WeightedSignedRank result;
  std::vector<std::vector<Atom>> nulls;
  double variance = 0;
  bool has_small_strata = strata.size() <= kMostExactStrata;
  for (const RankedStratum& stratum : strata) {
    const auto ranked =
        rank_differences(stratum.a, stratum.b, options.zeros == ZeroRule::wilcox, options.tie_tolerance);
    has_small_strata = has_small_strata && stratum.a.size() <= kLargestExact;
    if (ranked.empty()) continue;
    const double factor = factor_of(stratum, ranked.size());
    for (const RankedDifference& r : ranked) {
      if (r.is_zero) continue;
      result.statistic += r.difference > 0 ? factor * r.rank : -factor * r.rank;
      variance += factor * factor * r.rank * r.rank;
    }
  }
  result.standard_error = std::sqrt(variance);
  result.exact = options.distribution == Distribution::exact ||
                 (options.distribution == Distribution::automatic && has_small_strata);
  if (variance == 0) return result;  // p = 1
  if (strata.size() == 1) {
    result.p_value = wilcoxon_signed_rank(strata[0].a, strata[0].b, options).p_value;
    return result;
  }
  if (!result.exact) {
    result.p_value = p_of(result.statistic / result.standard_error, options.alternative, normal_upper);
    return result;
  }
  for (const RankedStratum& stratum : strata) {
    const auto ranked =
        rank_differences(stratum.a, stratum.b, options.zeros == ZeroRule::wilcox, options.tie_tolerance);
    if (!ranked.empty()) nulls.push_back(atoms_of(ranked, factor_of(stratum, ranked.size())));
  }
  const NullDistribution null(nulls);
  result.p_value = p_of(result.statistic, options.alternative, [&](double s) { return null.upper(s); });
  return result;
}

double critical_weighted_signed_rank(std::span<const std::int64_t> pairs, std::span<const double> weights,
                                     double alpha) {
  std::vector<std::vector<Atom>> nulls;
  double variance = 0;
  double largest = 0;
  bool is_exact = pairs.size() <= kMostExactStrata;
  for (std::size_t k = 0; k < pairs.size(); ++k) {
    const auto n = static_cast<double>(pairs[k]);
    const double factor = weights[k] * 2 / (n * (n + 1));
    variance += factor * factor * n * (n + 1) * (2 * n + 1) / 6;
    largest += weights[k];
    is_exact = is_exact && pairs[k] <= static_cast<std::int64_t>(kLargestExact);
  }
  if (!is_exact) {
    const double z = boost::math::quantile(boost::math::complement(boost::math::normal(), alpha / 2));
    return z * std::sqrt(variance);
  }
  for (std::size_t k = 0; k < pairs.size(); ++k) {
    std::vector<RankedDifference> ranked;
    for (std::int64_t i = 1; i <= pairs[k]; ++i) ranked.push_back({1, static_cast<double>(i), false});
    const auto n = static_cast<double>(pairs[k]);
    nulls.push_back(atoms_of(ranked, weights[k] * 2 / (n * (n + 1))));
  }
  const NullDistribution null(nulls);
  if (2 * null.upper(largest) >= alpha) return std::numeric_limits<double>::infinity();
  double too_low = 0;
  double enough = largest;
  constexpr double kFine = 1e-7;
  while (enough - too_low > kFine) {
    const double middle = (too_low + enough) / 2;
    (2 * null.upper(middle) < alpha ? enough : too_low) = middle;
  }
  return enough;
}

}  // namespace totum
