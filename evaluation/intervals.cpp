#include "evaluation/intervals.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/parallel.h"
#include "core/random.h"

namespace totum {

namespace {

double mean_of(std::span<const double> values) {
  if (values.empty()) throw DataError("there is no mean of no values");
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::vector<Cluster> single_values(std::span<const double> values) {
  std::vector<Cluster> clusters;
  for (const double value : values) clusters.push_back({value, 1});
  return clusters;
}

Cluster total_of(std::span<const Cluster> clusters) {
  if (clusters.empty()) throw DataError("there is no mean of no values");
  Cluster total;
  for (const Cluster& c : clusters) {
    total.sum += c.sum;
    total.count += c.count;
  }
  return total;
}

}  // namespace

ClusteredMean clustered_mean(std::span<const Cluster> clusters) {
  const Cluster total = total_of(clusters);
  const auto n = static_cast<double>(clusters.size());
  ClusteredMean result{total.sum / total.count, 0, n - 1};
  if (clusters.size() < 2) return result;
  double squares = 0;
  for (const Cluster& c : clusters) {
    const double residual = c.sum - result.mean * c.count;
    squares += residual * residual;
  }
  result.standard_error = std::sqrt(n / (n - 1) * squares) / total.count;
  return result;
}

ClusteredMean mean_of_means(std::span<const ClusteredMean> parts) {
  if (parts.empty()) throw DataError("there is no mean of no values");
  if (parts.size() == 1) return parts.front();
  const auto k = static_cast<double>(parts.size());
  ClusteredMean result;
  double variance = 0;
  double quartics = 0;
  double all_degrees = 0;
  bool is_known = true;
  for (const ClusteredMean& part : parts) {
    result.mean += part.mean / k;
    all_degrees += part.degrees_of_freedom;
    is_known = is_known && part.degrees_of_freedom > 0;
    if (part.standard_error == 0) continue;
    const double square = part.standard_error * part.standard_error;
    variance += square;
    quartics += square * square / part.degrees_of_freedom;
  }
  if (!is_known) return result;
  result.standard_error = std::sqrt(variance) / k;
  result.degrees_of_freedom = variance > 0 ? variance * variance / quartics : all_degrees;
  return result;
}

std::optional<Interval> t_interval(const ClusteredMean& mean, double confidence) {
  if (mean.degrees_of_freedom <= 0) return std::nullopt;
  if (mean.standard_error == 0) return Interval{mean.mean, mean.mean};
  const boost::math::students_t student(mean.degrees_of_freedom);
  const double half =
      mean.standard_error * boost::math::quantile(boost::math::complement(student, (1 - confidence) / 2));
  return Interval{mean.mean - half, mean.mean + half};
}

std::optional<Interval> t_interval(std::span<const double> values, double confidence) {
  return t_interval(clustered_mean(single_values(values)), confidence);
}

std::vector<double> bootstrap_means(std::span<const Cluster> clusters, std::int64_t resamples,
                                    std::uint64_t seed, int threads, std::uint64_t part) {
  const auto n = static_cast<std::int64_t>(clusters.size());
  if (n == 0) throw DataError("there is nothing to resample");
  std::vector<double> means(static_cast<std::size_t>(resamples));
  constexpr std::int64_t kChunk = 256;
  parallel_for((resamples + kChunk - 1) / kChunk, threads, [&](std::int64_t chunk) {
    for (std::int64_t r = chunk * kChunk; r < std::min(resamples, (chunk + 1) * kChunk); ++r) {
      RandomStream random(seed, "bootstrap", static_cast<std::uint64_t>(r), part);
      Cluster drawn;
      for (std::int64_t i = 0; i < n; ++i) {
        const Cluster& c = clusters[static_cast<std::size_t>(random.below(n))];
        drawn.sum += c.sum;
        drawn.count += c.count;
      }
      means[static_cast<std::size_t>(r)] = drawn.sum / drawn.count;
    }
  });
  return means;
}

std::vector<double> bootstrap_means(std::span<const double> values, std::int64_t resamples,
                                    std::uint64_t seed, int threads) {
  return bootstrap_means(single_values(values), resamples, seed, threads);
}

std::vector<double> leave_one_out(std::span<const Cluster> clusters) {
  const Cluster total = total_of(clusters);
  std::vector<double> left_out;
  for (const Cluster& c : clusters) left_out.push_back((total.sum - c.sum) / (total.count - c.count));
  return left_out;
}

double quantile(std::span<const double> sorted, double q) {
  if (sorted.empty()) throw DataError("there is no quantile of no values");
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(place));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double acceleration(std::span<const std::vector<double>> left_out) {
  double squares = 0;
  double cubes = 0;
  for (const std::vector<double>& of_part : left_out) {
    const double centre = mean_of(of_part);
    const auto n = static_cast<double>(of_part.size());
    for (const double value : of_part) {
      const double influence = (n - 1) / n * (centre - value);
      squares += influence * influence;
      cubes += influence * influence * influence;
    }
  }
  return squares > 0 ? cubes / (6 * std::pow(squares, 1.5)) : 0;
}

std::optional<Interval> bca_interval(std::span<const double> values, std::span<const double> resampled_means,
                                     double confidence) {
  const double estimate = mean_of(values);
  if (values.size() < 2) return std::nullopt;
  return bca_interval(estimate, resampled_means, leave_one_out(single_values(values)), confidence);
}

std::optional<Interval> bca_interval(double estimate, std::span<const double> resampled,
                                     std::span<const double> left_out, double confidence) {
  const std::vector<std::vector<double>> one_part{{left_out.begin(), left_out.end()}};
  return bca_interval(estimate, resampled, one_part, confidence);
}

std::optional<Interval> bca_interval(double estimate, std::span<const double> resampled,
                                     std::span<const std::vector<double>> left_out, double confidence) {
  for (const std::vector<double>& of_part : left_out) {
    if (of_part.size() < 2) return std::nullopt;
  }
  std::vector<double> sorted(resampled.begin(), resampled.end());
  std::sort(sorted.begin(), sorted.end());
  if (sorted.empty() || sorted.front() == sorted.back()) return Interval{estimate, estimate};
  // Resamples that equal the estimate but for the order in which they were summed count as equal.
  const double slack = 1e-12 * std::max(std::abs(sorted.front()), std::abs(sorted.back()));
  const auto below =
      static_cast<double>(std::lower_bound(sorted.begin(), sorted.end(), estimate - slack) - sorted.begin());
  const auto not_above =
      static_cast<double>(std::upper_bound(sorted.begin(), sorted.end(), estimate + slack) - sorted.begin());
  const double share = (below + not_above) / 2 / static_cast<double>(sorted.size());
  const boost::math::normal standard;
  const double edge =
      0.5 / static_cast<double>(sorted.size());  // all resamples on one side: the normal quantile is infinite
  const double z0 = boost::math::quantile(standard, std::clamp(share, edge, 1 - edge));
  const double a = acceleration(left_out);
  const auto adjusted = [&](double probability) {
    const double z = z0 + boost::math::quantile(standard, probability);
    return quantile(sorted, boost::math::cdf(standard, z0 + z / (1 - a * z)));
  };
  return Interval{adjusted((1 - confidence) / 2), adjusted((1 + confidence) / 2)};
}

double sign_flip_p(std::span<const double> differences, std::int64_t resamples, std::uint64_t seed,
                   Alternative alternative) {
  const auto n = static_cast<std::int64_t>(differences.size());
  const double total = mean_of(differences) * static_cast<double>(n);
  const auto extent = [&](double sum) {
    return alternative == Alternative::two_sided ? std::abs(sum)
           : alternative == Alternative::greater ? sum
                                                 : -sum;
  };
  const double observed = extent(total);
  const double slack = 1e-12 * std::max(1.0, std::abs(total));  // sums in another order tie
  std::int64_t extreme = 0;
  if (n <= kLargestExactFlips) {
    for (std::int64_t flips = 0; flips < (std::int64_t{1} << n); ++flips) {
      double sum = 0;
      for (std::int64_t i = 0; i < n; ++i)
        sum += ((flips >> i) & 1) != 0 ? -differences[static_cast<std::size_t>(i)]
                                       : differences[static_cast<std::size_t>(i)];
      if (extent(sum) >= observed - slack) ++extreme;
    }
    return static_cast<double>(extreme) / static_cast<double>(std::int64_t{1} << n);
  }
  for (std::int64_t r = 0; r < resamples; ++r) {
    RandomStream random(seed, "sign flips", static_cast<std::uint64_t>(r));
    double sum = 0;
    std::uint32_t bits = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      if (i % 32 == 0) bits = random.bits();
      sum += (bits & 1U) != 0 ? -differences[static_cast<std::size_t>(i)]
                              : differences[static_cast<std::size_t>(i)];
      bits >>= 1U;
    }
    if (extent(sum) >= observed - slack) ++extreme;
  }
  return static_cast<double>(extreme + 1) / static_cast<double>(resamples + 1);
}

double smallest_sign_flip_p(std::int64_t differences, std::int64_t resamples, Alternative alternative) {
  const double two_sided = smallest_signed_rank_p(differences);
  const double p = alternative == Alternative::two_sided ? two_sided : two_sided / 2;
  if (differences <= kLargestExactFlips) return p;
  return std::max(p, 1 / static_cast<double>(resamples + 1));
}

std::optional<Interval> leading_interval(const std::optional<Interval>& t, const std::optional<Interval>& bca,
                                         std::int64_t fewest_patients) {
  return fewest_patients < kPatientsForBootstrap ? t : bca;
}

}  // namespace totum
