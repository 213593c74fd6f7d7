#include "evaluation/sign_test.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>

namespace totum {

double sign_test_p(std::int64_t wins, std::int64_t losses) {
  if (wins + losses == 0) return 1;
  const boost::math::binomial fair(static_cast<double>(wins + losses), 0.5);
  return std::min(1.0, 2 * boost::math::cdf(fair, static_cast<double>(std::min(wins, losses))));
}

}  // namespace totum
