#include "evaluation/pairwise_tests.h"

#include "evaluation/corrections.h"

namespace totum {

bool PairwiseTest::first_is_higher(double alpha) const {
  return p_adjusted < alpha && test.w_plus > test.w_minus;
}

bool PairwiseTest::second_is_higher(double alpha) const {
  return p_adjusted < alpha && test.w_plus < test.w_minus;
}

std::vector<PairwiseTest> pairwise_signed_rank(const std::vector<std::vector<double>>& values,
                                               const SignedRankOptions& options) {
  std::vector<PairwiseTest> tests;
  std::vector<double> p;
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = i + 1; j < values.size(); ++j) {
      tests.push_back({i, j, wilcoxon_signed_rank(values[i], values[j], options), 1});
      p.push_back(tests.back().test.p_value);
    }
  }
  const auto adjusted = holm(p);
  for (std::size_t t = 0; t < tests.size(); ++t) tests[t].p_adjusted = adjusted[t];
  return tests;
}

std::size_t place_of_pair(std::size_t first, std::size_t second, std::size_t methods) {
  return first * (2 * methods - first - 1) / 2 + (second - first - 1);
}

}  // namespace totum
