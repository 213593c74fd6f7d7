#pragma once
// Confidence intervals of means and paired differences.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "evaluation/wilcoxon.h"

namespace totum {

struct Interval {
  double low = 0, high = 0;
};

/// Student's t interval of the mean; nullopt for fewer than two values, of whose spread nothing is known.
/// Both ends are the mean for a constant.
std::optional<Interval> t_interval(std::span<const double> values, double confidence);

/// Values that belong together, such as those of one patient: they are resampled and left out together.
struct Cluster {
  double sum = 0;
  double count = 0;
};

/// Mean of all values of all clusters, and its standard error over clusters, which for clusters of one value
/// is the ordinary sd/√n. Degrees of freedom: clusters - 1; with none, of a single cluster, the error is not
/// known and stands as 0. Source: Cochran, Sampling Techniques, 3rd ed. (1977), Eq. 6.11 for the variance of
/// a ratio.
struct ClusteredMean {
  double mean = 0;
  double standard_error = 0;
  double degrees_of_freedom = 0;
};
ClusteredMean clustered_mean(std::span<const Cluster> clusters);

/// Plain mean of the means of k independent parts, each with weight 1/k whatever its size: standard error
/// √(Σ se²)/k, degrees of freedom (Σ se²)² / Σ (se⁴/df); a part of a single cluster leaves none. Source:
/// Welch, Biometrika 34 (1947) 28; Satterthwaite, Biometrics Bulletin 2 (1946) 110.
ClusteredMean mean_of_means(std::span<const ClusteredMean> parts);

/// nullopt without degrees of freedom.
std::optional<Interval> t_interval(const ClusteredMean& mean, double confidence);

/// Means of bootstrap resamples of whole clusters with replacement. Replicate r draws from its own
/// counter-based stream (seed, r, part), so the result does not depend on the number of threads, and parts
/// that are resampled each on its own are independent.
std::vector<double> bootstrap_means(std::span<const Cluster> clusters, std::int64_t resamples,
                                    std::uint64_t seed, int threads, std::uint64_t part = 0);
std::vector<double> bootstrap_means(std::span<const double> values, std::int64_t resamples,
                                    std::uint64_t seed, int threads);

/// The mean with each cluster left out in turn; for two clusters or more.
std::vector<double> leave_one_out(std::span<const Cluster> clusters);

/// Linear interpolation between order statistics (NumPy's default); `sorted` ascending, q in [0,1].
double quantile(std::span<const double> sorted, double q);

/// Acceleration of a statistic of independent parts (one part: the ordinary one): a sixth of the skewness of
/// its linear approximation. Cumulants of independent parts add, so with n values of the statistic for the n
/// cases of a part left out in turn, and u = (n-1)/n·(their mean - value), it is Σ u³ / (6 (Σ u²)^1.5) over
/// the cases of all parts; 0 for a constant. Source: Davison and Hinkley, Bootstrap Methods and their
/// Application (1997), section 5.3; SciPy's bootstrap() does the same.
double acceleration(std::span<const std::vector<double>> left_out);

/// Bias-corrected and accelerated interval of the mean from its resampled means; acceleration by the
/// jackknife. The share below the estimate counts ties half. nullopt for fewer than two values. Source:
/// Efron, JASA 82 (1987) 171.
std::optional<Interval> bca_interval(std::span<const double> values, std::span<const double> resampled_means,
                                     double confidence);
/// The same for any statistic of one or several independent parts: its estimate, its values when each part is
/// resampled on its own, and for each part its values with each case of that part left out in turn (up to a
/// constant and a factor that all parts share). nullopt if a part has fewer than two cases.
std::optional<Interval> bca_interval(double estimate, std::span<const double> resampled,
                                     std::span<const std::vector<double>> left_out, double confidence);
std::optional<Interval> bca_interval(double estimate, std::span<const double> resampled,
                                     std::span<const double> left_out, double confidence);

constexpr std::int64_t kLargestExactFlips = 15;  // differences

/// Share-of-flips p of the paired sign-flip test of the mean difference: exact for up to 15 pairs, else from
/// `resamples` random flips, the observed one counted in. One-sided as `alternative` says.
double sign_flip_p(std::span<const double> differences, std::int64_t resamples, std::uint64_t seed,
                   Alternative alternative = Alternative::two_sided);
/// The smallest p that so many non-zero differences can give there.
double smallest_sign_flip_p(std::int64_t differences, std::int64_t resamples, Alternative alternative);

/// The interval that speaks for a mean: Student's t under 50 patients, where BCa is too narrow, and BCa from
/// there on. Coverage: docs/statistics.md.
constexpr std::int64_t kPatientsForBootstrap = 50;
std::optional<Interval> leading_interval(const std::optional<Interval>& t, const std::optional<Interval>& bca,
                                         std::int64_t fewest_patients);

}  // namespace totum
