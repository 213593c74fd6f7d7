#include "reports/test_power.h"

#include <boost/math/distributions/chi_squared.hpp>
#include <cmath>

#include "evaluation/power.h"

namespace totum {

namespace {

using nlohmann::json;

json needed(const PowerQuestion& question) {
  const auto pairs = pairs_needed(kWantedPower, question);
  return pairs ? json(*pairs) : json();
}

// Patients needed at the ends of the deviation's own 95 % interval, for normal differences.
json needed95(PowerQuestion question, double degrees) {
  const boost::math::chi_squared distribution(degrees);
  const double sd = question.standard_deviation;
  question.standard_deviation = sd * std::sqrt(degrees / boost::math::quantile(distribution, 0.975));
  const json low = needed(question);
  question.standard_deviation = sd * std::sqrt(degrees / boost::math::quantile(distribution, 0.025));
  return json::array({low, needed(question)});
}

}  // namespace

json power_json(const PairedComparison& comparison, const TableTests& tests, std::size_t family) {
  if (comparison.degrees_of_freedom <= 0 || tests.equivalence_margin <= 0) return nullptr;
  PowerQuestion question;
  question.difference = tests.equivalence_margin;
  question.standard_deviation =
      comparison.standard_error * std::sqrt(static_cast<double>(comparison.patients));
  question.parts = comparison.parts;
  question.alpha = tests.alpha / static_cast<double>(family);
  json out{
      {"sd", question.standard_deviation},
      {"now", paired_power(comparison.patients, question)},
      {"patients_needed", needed(question)},
      {"patients_needed95", needed95(question, static_cast<double>(comparison.patients - comparison.parts))}};
  question.alpha = tests.alpha;
  out["patients_needed_alone"] = needed(question);
  return out;
}

}  // namespace totum
