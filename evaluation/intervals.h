#pragma once
// Confidence intervals of means and paired differences.

#include <cstdint>
#include <span>
#include <vector>

namespace totum {

struct Interval {
  double low = 0, high = 0;
};

/// Student's t interval of the mean; both ends are the mean for one value or a constant.
Interval t_interval(std::span<const double> values, double confidence);

/// Values that belong together, such as those of one patient: they are resampled and left out together.
struct Cluster {
  double sum = 0;
  double count = 0;
};

/// Mean of all values of all clusters, and its standard error over clusters, which for clusters of one value
/// is the ordinary sd/√n. Degrees of freedom: clusters - 1; with a single cluster the error is 0. Source:
/// Cochran, Sampling Techniques, 3rd ed. (1977), Eq. 6.11 for the variance of a ratio.
struct ClusteredMean {
  double mean = 0;
  double standard_error = 0;
  double degrees_of_freedom = 0;
};
ClusteredMean clustered_mean(std::span<const Cluster> clusters);
Interval t_interval(const ClusteredMean& mean, double confidence);

/// Means of bootstrap resamples of whole clusters with replacement. Replicate r draws from its own
/// counter-based stream (seed, r), so the result does not depend on the number of threads.
std::vector<double> bootstrap_means(std::span<const Cluster> clusters, std::int64_t resamples,
                                    std::uint64_t seed, int threads);
std::vector<double> bootstrap_means(std::span<const double> values, std::int64_t resamples,
                                    std::uint64_t seed, int threads);

/// The mean with each cluster left out in turn; for two clusters or more.
std::vector<double> leave_one_out(std::span<const Cluster> clusters);

/// Linear interpolation between order statistics (NumPy's default); `sorted` ascending, q in [0,1].
double quantile(std::span<const double> sorted, double q);

/// Bias-corrected and accelerated interval of the mean from its resampled means; acceleration by the
/// jackknife. The share below the estimate counts ties half. Source: Efron, JASA 82 (1987) 171.
Interval bca_interval(std::span<const double> values, std::span<const double> resampled_means,
                      double confidence);
/// The same for any statistic: its estimate, its resampled values, and its values with each case left out in
/// turn.
Interval bca_interval(double estimate, std::span<const double> resampled, std::span<const double> left_out,
                      double confidence);

/// Share-of-flips p of the paired sign-flip test of the mean difference: exact for up to 15 pairs, else from
/// `resamples` random flips, the observed one counted in.
double sign_flip_p(std::span<const double> differences, std::int64_t resamples, std::uint64_t seed);

}  // namespace totum
