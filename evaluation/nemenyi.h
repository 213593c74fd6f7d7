#pragma once
// Nemenyi's comparison of all methods with one another by their mean ranks.

#include <cstdint>
#include <span>
#include <vector>

namespace totum {

/// Mean ranks of `methods` over `cases` that lie further apart differ at the level `alpha`, all pairs
/// together. Source: Nemenyi, Distribution-free Multiple Comparisons, thesis, Princeton (1963); Demšar, JMLR
/// 7 (2006) 1, section 3.2.2.
double nemenyi_critical_difference(double alpha, std::int64_t methods, std::int64_t cases);

/// p of each pair of methods, already adjusted for all pairs: [method][method], 1 on the diagonal.
std::vector<std::vector<double>> nemenyi_p(std::span<const double> mean_ranks, std::int64_t cases);

}  // namespace totum
