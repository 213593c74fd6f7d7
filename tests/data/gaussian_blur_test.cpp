// Expected values: SciPy 1.17.1, scipy.ndimage.gaussian_filter in float64 with its defaults (truncate 4,
// reflect):
//   v = np.sin(0.7 * np.arange(24)).reshape(2, 3, 4); gaussian_filter(v, 3); gaussian_filter(v, 0.8)
//   a = np.zeros((3, 4, 5)); a[1, 2, 3] = 1; gaussian_filter(a, (1, 0.6, 0))

#include "data/gaussian_blur.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace totum {
namespace {

std::vector<double> waves() {
  std::vector<double> v;
  for (int i = 0; i < 24; ++i) v.push_back(std::sin(0.7 * i));
  return v;
}

void expect_near(const std::vector<double>& got, const std::vector<double>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-11) << i;
}

TEST(GaussianBlur, ReflectsManyTimesWhereTheKernelIsLargerThanTheVolumeAsSciPy) {
  std::vector<double> v = waves();
  gaussian_blur(std::span(v), {2, 3, 4}, {3, 3, 3});
  expect_near(
      v, {0.103267763043, 0.102347353189, 0.101043916352, 0.100121023397, 0.103362044501, 0.102478110788,
          0.101226257286, 0.10033983665,  0.103473645288, 0.102626039603, 0.101425559678, 0.10057546283,
          0.103266813034, 0.102346088905, 0.101042207633, 0.10011900044,  0.103361154135, 0.102476905664,
          0.101224607043, 0.100337871683, 0.103472814416, 0.102624893437, 0.101423967633, 0.100573555526});
}

TEST(GaussianBlur, OfASmallSigmaIsSciPys) {
  std::vector<double> v = waves();
  gaussian_blur(std::span(v), {2, 3, 4}, {0.8, 0.8, 0.8});
  expect_near(v, {0.198567422795,   0.264557827685,   0.265831872553,   0.20167387255,     -0.00384256926245,
                  -0.0104221050973, -0.0152000050723, -0.0154923208366, -0.0734794083631,  0.0747152845974,
                  0.228977283508,   0.302651103799,   0.267183583051,   0.149113954909,    -0.0346065166797,
                  -0.180774278,     -0.016609108221,  -0.0132102374949, -0.00532205255395, 0.00262431973151,
                  0.273496422165,   0.28092185331,    0.207856480756,   0.0953442123255});
}

TEST(GaussianBlur, HasASigmaForEachAxisAndZeroLeavesItAlone) {
  std::vector<double> v(60, 0.0);
  v[1 * 20 + 2 * 5 + 3] = 1;
  gaussian_blur(std::span(v), {3, 4, 5}, {1, 0.6, 0});
  std::vector<double> column;
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (i % 5 == 3) {
      column.push_back(v[i]);
    } else {
      EXPECT_EQ(v[i], 0);
    }
  }
  expect_near(column, {0.00075986291776, 0.049011228912, 0.196554220042, 0.0497710918298, 0.001046542813,
                       0.0675021088349, 0.2707098893, 0.0685486516479, 0.00075986291776, 0.049011228912,
                       0.196554220042, 0.0497710918298});
}

TEST(GaussianBlur, KeepsTheSumAndAConstant) {
  std::vector<double> v = waves();
  const double before = std::accumulate(v.begin(), v.end(), 0.0);
  gaussian_blur(std::span(v), {4, 1, 6}, {2, 2, 2});
  EXPECT_NEAR(std::accumulate(v.begin(), v.end(), 0.0), before, 1e-12);
  std::vector<float> flat(8, 0.25F);
  gaussian_blur(std::span(flat), {2, 2, 2}, {1, 1, 1});
  for (const float x : flat) EXPECT_FLOAT_EQ(x, 0.25F);
}

}  // namespace
}  // namespace totum
