#pragma once
// k-means clustering of a few thousand short vectors.

#include <cstdint>
#include <vector>

#include "core/random.h"

namespace totum {

using FeatureVector = std::vector<double>;

/// The cluster 0..k-1 of each point; no cluster is empty if there are k different points. Lloyd's iteration
/// from k-means++ seeds, until nothing changes or 100 times; equal distances go to the lower cluster.
/// 1 <= k <= points (TORCH_CHECK). Source: Lloyd, IEEE Trans. Inf. Theory 28 (1982) 129; Arthur and
/// Vassilvitskii, SODA 2007.
std::vector<std::int64_t> k_means(const std::vector<FeatureVector>& points, std::int64_t k,
                                  RandomStream& random);

}  // namespace totum
