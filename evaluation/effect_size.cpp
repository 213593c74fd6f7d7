#include "evaluation/effect_size.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <vector>

#include "evaluation/signed_ranks.h"

namespace totum {

namespace {

// Largest k with P(W+ <= k - 1) <= alpha/2 for n untied pairs (then the k-th smallest and k-th largest Walsh
// averages bound the interval), and that probability; k = 1 at least. Exact up to 50 pairs, else normal.
std::pair<std::int64_t, double> walsh_rank(std::int64_t n, double tail) {
  const std::int64_t total = n * (n + 1) / 2;
  if (n > 50) {
    const auto size = static_cast<double>(n);
    const double error = std::sqrt(size * (size + 1) * (2 * size + 1) / 24);
    const double z = boost::math::quantile(boost::math::complement(boost::math::normal(), tail));
    return {std::max<std::int64_t>(
                1, static_cast<std::int64_t>(std::floor(static_cast<double>(total) / 2 - z * error))),
            tail};
  }
  std::vector<double> probability(static_cast<std::size_t>(total) + 1, 0.0);
  probability[0] = 1;
  for (std::int64_t rank = 1; rank <= n; ++rank) {
    for (std::int64_t s = total; s >= 0; --s) {
      auto& p = probability[static_cast<std::size_t>(s)];
      p = 0.5 * (p + (s >= rank ? probability[static_cast<std::size_t>(s - rank)] : 0.0));
    }
  }
  double cumulative = probability[0];
  std::int64_t k = 1;
  while (k < total && cumulative + probability[static_cast<std::size_t>(k)] <= tail)
    cumulative += probability[static_cast<std::size_t>(k++)];
  return {k, cumulative};
}

double median_of_sorted(const std::vector<double>& values) {
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : 0.5 * (values[half - 1] + values[half]);
}

}  // namespace

double rank_biserial(std::span<const double> a, std::span<const double> b, double tie_tolerance) {
  double plus = 0;
  double minus = 0;
  for (const auto& r : rank_differences(a, b, /*drop_zeros=*/true, tie_tolerance))
    (r.difference > 0 ? plus : minus) += r.rank;
  return plus + minus > 0 ? (plus - minus) / (plus + minus) : 0;
}

HodgesLehmann hodges_lehmann(std::span<const double> a, std::span<const double> b, double confidence) {
  rank_differences(a, b, false, 0);  // refuses bad input
  std::vector<double> walsh;
  walsh.reserve(a.size() * (a.size() + 1) / 2);
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = i; j < a.size(); ++j) walsh.push_back(0.5 * ((a[i] - b[i]) + (a[j] - b[j])));
  }
  std::sort(walsh.begin(), walsh.end());
  const auto [k, tail] = walsh_rank(static_cast<std::int64_t>(a.size()), (1 - confidence) / 2);
  const auto place = static_cast<std::size_t>(k - 1);
  return {median_of_sorted(walsh), walsh[place], walsh[walsh.size() - 1 - place], 1 - 2 * tail};
}

WinsTiesLosses wins_ties_losses(std::span<const double> a, std::span<const double> b, double tie_tolerance) {
  WinsTiesLosses count;
  for (const auto& r : rank_differences(a, b, false, tie_tolerance)) {
    if (r.is_zero) {
      ++count.ties;
    } else {
      ++(r.difference > 0 ? count.wins : count.losses);
    }
  }
  return count;
}

}  // namespace totum
