#include "evaluation/comparison.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <map>

#include "core/error.h"
#include "evaluation/patient_strata.h"
#include "evaluation/sign_test.h"

namespace totum {

namespace {

constexpr double kConfidence = 0.95;

std::map<std::string, const PatientScores*> by_case(const std::vector<PatientScores>& patients) {
  std::map<std::string, const PatientScores*> map;
  for (const PatientScores& patient : patients) map[patient.case_id] = &patient;
  return map;
}

std::vector<std::string> only_in(const std::map<std::string, const PatientScores*>& a,
                                 const std::map<std::string, const PatientScores*>& b) {
  std::vector<std::string> found;
  for (const auto& [case_id, patient] : a) {
    if (!b.contains(case_id)) found.push_back(case_id);
  }
  return found;
}

void add_patient(PairedValues& values, const PatientScores& a, const PatientScores& b, bool pooled) {
  double sum_a = 0;
  double sum_b = 0;
  std::int64_t organs = 0;
  for (const auto& [organ, value] : a.by_organ) {
    const auto other = b.by_organ.find(organ);
    if (other == b.by_organ.end()) continue;
    ++organs;
    sum_a += value;
    sum_b += other->second;
    values.largest_organ_difference =
        std::max(values.largest_organ_difference, std::abs(value - other->second));
    if (pooled) {
      values.case_ids.push_back(a.case_id);
      values.a.push_back(value);
      values.b.push_back(other->second);
    }
  }
  values.organs_left_out += static_cast<std::int64_t>(a.by_organ.size() + b.by_organ.size()) - 2 * organs;
  if (organs == 0) ++values.patients_left_out;
  if (pooled || organs == 0) return;
  values.case_ids.push_back(a.case_id);
  values.a.push_back(sum_a / static_cast<double>(organs));
  values.b.push_back(sum_b / static_cast<double>(organs));
}

// Differences by patient.
std::map<std::string, Cluster> differences_by_patient(const PairedValues& values) {
  std::map<std::string, Cluster> patients;
  for (std::size_t i = 0; i < values.a.size(); ++i) {
    Cluster& patient = patients[values.case_ids[i]];
    patient.sum += values.a[i] - values.b[i];
    patient.count += 1;
  }
  return patients;
}

// Two one-sided t tests of |mean difference| < margin: the larger p. Source: Schuirmann, J. Pharmacokin. 15
// (1987) 657.
double equivalence_p(const ClusteredMean& difference, double margin) {
  if (difference.degrees_of_freedom <= 0) return 1;
  if (difference.standard_error == 0) return std::abs(difference.mean) < margin ? 0 : 1;
  const boost::math::students_t t(difference.degrees_of_freedom);
  const double above =
      boost::math::cdf(boost::math::complement(t, (difference.mean + margin) / difference.standard_error));
  const double below = boost::math::cdf(t, (difference.mean - margin) / difference.standard_error);
  return std::max(above, below);
}

// Each patient's mean difference over the parts that it is in, by stratum; with the weight of the stratum.
std::vector<RankedStratum> ranked_strata(std::span<const PatientStratum> strata, std::size_t parts) {
  std::vector<RankedStratum> ranked;
  for (const PatientStratum& stratum : strata) {
    RankedStratum& one = ranked.emplace_back();
    one.weight = static_cast<double>(stratum.parts.size()) / static_cast<double>(parts);
    for (std::size_t patient = 0; patient < stratum.patients(); ++patient) {
      double sum = 0;
      double count = 0;
      for (const auto& part : stratum.clusters) {
        if (part[patient].count == 0) continue;
        sum += part[patient].sum / part[patient].count;
        count += 1;
      }
      one.a.push_back(sum / count);
      one.b.push_back(0);
    }
  }
  return ranked;
}

// The numbers that take patients as independent units.
void compare_patients(std::span<const PatientStratum> strata, const ComparisonOptions& options,
                      PairedComparison& out) {
  out.fewest_patients = std::numeric_limits<std::int64_t>::max();
  for (const PatientStratum& stratum : strata) {
    out.patients += static_cast<std::int64_t>(stratum.patients());
    for (const auto& part : stratum.clusters) {
      const auto n = std::count_if(part.begin(), part.end(), [](const Cluster& c) { return c.count > 0; });
      out.fewest_patients = std::min<std::int64_t>(out.fewest_patients, n);
    }
  }
  const ClusteredMean difference = mean_over_parts(strata);
  out.mean_difference = difference.mean;
  out.standard_error = difference.standard_error;
  out.degrees_of_freedom = difference.degrees_of_freedom;
  out.t = t_interval(difference, kConfidence);
  out.bca = bca_over_parts(strata, options.resamples, options.seed, options.threads);
  out.leading = leading_interval(out.t, out.bca, out.fewest_patients);
  out.strata = ranked_strata(strata, static_cast<std::size_t>(out.parts));
  std::vector<double> plain;
  for (const RankedStratum& stratum : out.strata)
    plain.insert(plain.end(), stratum.a.begin(), stratum.a.end());
  const Alternative alternative = options.test.alternative;
  out.p_sign_flip = sign_flip_p(contributions(strata), options.resamples, options.seed, alternative);
  const bool is_the_same =
      out.parts == 1 && !options.pooled;  // every patient has one difference, of the same weight
  out.p_sign_flip_plain =
      is_the_same ? out.p_sign_flip : sign_flip_p(plain, options.resamples, options.seed, alternative);
  out.p_equivalence = equivalence_p(difference, options.equivalence_margin);
  const bool is_within =
      out.bca && -options.equivalence_margin < out.bca->low && out.bca->high < options.equivalence_margin;
  out.may_be_equivalent = is_within && out.fewest_patients >= kPatientsForEquivalence;
}

int sign_of(double value) { return value > 0 ? 1 : value < 0 ? -1 : 0; }

// Does the mean say what the ranks say?
bool goes_along(const PairedComparison& c, Alternative alternative) {
  if (sign_of(c.mean_difference) != c.favours) return false;
  if (c.spread != Spread::varying || c.degrees_of_freedom <= 0 || c.standard_error == 0) return true;
  const boost::math::students_t t(c.degrees_of_freedom);
  const double tail = (1 - kConfidence) / (alternative == Alternative::two_sided ? 2 : 1);
  return std::abs(c.mean_difference) >
         c.standard_error * boost::math::quantile(boost::math::complement(t, tail));
}

std::int64_t not_zero(std::span<const RankedStratum> strata, double tie_tolerance) {
  std::int64_t count = 0;
  for (const RankedStratum& stratum : strata) {
    for (std::size_t i = 0; i < stratum.a.size(); ++i)
      count += std::abs(stratum.a[i] - stratum.b[i]) > tie_tolerance ? 1 : 0;
  }
  return count;
}

double smallest_rank_p(std::int64_t differences, Alternative alternative) {
  const double two_sided = smallest_signed_rank_p(differences);
  return alternative == Alternative::two_sided ? two_sided : two_sided / 2;
}

// The test that gives the verdict, of patients in any case.
void decide(const ComparisonOptions& options, PairedComparison& out) {
  const Alternative alternative = options.test.alternative;
  const std::int64_t differences = not_zero(out.strata, options.test.tie_tolerance);
  out.patients_that_differ = differences;
  out.smallest_p = smallest_rank_p(differences, alternative);
  if (options.pooled) {
    out.decided_by = Decider::sign_flip;
    out.p = out.p_sign_flip;
    out.smallest_p = smallest_sign_flip_p(differences, options.resamples, alternative);
    out.favours = sign_of(out.mean_difference);
    out.deciding_statistic = out.mean_difference;
    out.is_exact = out.patients <= kLargestExactFlips;
    return;
  }
  if (out.parts == 1) {
    out.p = out.test.p_value;
    out.favours = sign_of(out.test.w_plus - out.test.w_minus);
    out.deciding_statistic = out.test.statistic;
    out.is_exact = out.test.exact;
    return;
  }
  out.decided_by = Decider::weighted_signed_rank;
  const WeightedSignedRank weighted = weighted_signed_rank(out.strata, options.test);
  out.p = weighted.p_value;
  out.favours = sign_of(weighted.statistic);
  out.deciding_statistic = weighted.statistic;
  out.is_exact = weighted.exact;
}

PairedValues together(std::span<const PairedValues> parts) {
  PairedValues all;
  for (const PairedValues& part : parts) {
    all.case_ids.insert(all.case_ids.end(), part.case_ids.begin(), part.case_ids.end());
    all.a.insert(all.a.end(), part.a.begin(), part.a.end());
    all.b.insert(all.b.end(), part.b.begin(), part.b.end());
    all.organs_left_out += part.organs_left_out;
    all.patients_left_out += part.patients_left_out;
  }
  return all;
}

// Have the patients of a part one and the same difference? Up to `tolerance`.
bool is_constant(const PairedValues& part, double tolerance) {
  const auto patients = differences_by_patient(part);
  const auto difference = [](const Cluster& patient) { return patient.sum / patient.count; };
  return std::all_of(patients.begin(), patients.end(), [&](const auto& patient) {
    return std::abs(difference(patient.second) - difference(patients.begin()->second)) <= tolerance;
  });
}

Spread spread_of(std::span<const PairedValues> parts, const PairedComparison& out, double tie_tolerance) {
  const bool is_identical = out.organs_left_out == 0 && out.patients_left_out == 0 &&
                            std::all_of(parts.begin(), parts.end(), [&](const PairedValues& part) {
                              bool is_same = part.largest_organ_difference <= tie_tolerance;
                              for (std::size_t i = 0; i < part.a.size(); ++i)
                                is_same = is_same && std::abs(part.a[i] - part.b[i]) <= tie_tolerance;
                              return is_same;
                            });
  if (is_identical) return Spread::identical;
  if (out.patients <= out.parts) return Spread::varying;
  constexpr double kRounding = 1e-12;  // of a difference of means over organs, where ties are exact
  const double tolerance = std::max(tie_tolerance, kRounding);
  const bool is_same = std::all_of(parts.begin(), parts.end(),
                                   [&](const PairedValues& part) { return is_constant(part, tolerance); });
  return is_same ? Spread::constant : Spread::varying;
}

// Without spread there is no interval, and nothing that a mean could be tested against.
void leave_out_what_needs_spread(PairedComparison& out) {
  out.t = std::nullopt;
  out.bca = std::nullopt;
  out.leading = std::nullopt;
  out.may_be_equivalent = false;
  out.standard_error = 0;
  out.degrees_of_freedom = 0;
  out.p_equivalence = 1;
}

double p_under(const PairedValues& values, const PairedComparison& comparison, SignedRankOptions options,
               ZeroRule rule) {
  options.zeros = rule;
  return comparison.decided_by == Decider::weighted_signed_rank
             ? weighted_signed_rank(comparison.strata, options).p_value
             : wilcoxon_signed_rank(values.a, values.b, options).p_value;
}

// The plain mean of the parts' correlations.
double mean_rank_biserial(std::span<const PairedValues> parts, const PairedComparison& comparison,
                          double tie_tolerance) {
  double mean = 0;
  if (comparison.decided_by == Decider::weighted_signed_rank) {
    for (const RankedStratum& stratum : comparison.strata)
      mean += stratum.weight * rank_biserial(stratum.a, stratum.b, tie_tolerance);
    return mean;
  }
  for (const PairedValues& part : parts)
    mean += rank_biserial(part.a, part.b, tie_tolerance) / static_cast<double>(parts.size());
  return mean;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::better:
      return "better";
    case Verdict::worse:
      return "worse";
    case Verdict::equivalent:
      return "equivalent";
    case Verdict::undecided:
      return "undecided";
    case Verdict::unreachable:
      return "unreachable";
    case Verdict::identical:
      return "identical";
    case Verdict::better_in_most:
      return "better in most patients, not in the mean";
    case Verdict::worse_in_most:
      return "worse in most patients, not in the mean";
  }
  return "";
}

std::string_view to_string(Decider decider) {
  switch (decider) {
    case Decider::signed_rank:
      return "signed-rank";
    case Decider::weighted_signed_rank:
      return "weighted signed-rank";
    case Decider::sign_flip:
      return "sign-flip of patients";
  }
  return "";
}

double failures_not_excluded(std::int64_t patients) {
  return 1 - std::pow(1 - kConfidence, 1 / static_cast<double>(patients));
}

std::string_view to_string(Spread spread) {
  switch (spread) {
    case Spread::varying:
      return "varying";
    case Spread::constant:
      return "constant";
    case Spread::identical:
      return "identical";
  }
  return "";
}

PairedValues pair_patients(const std::vector<PatientScores>& a, const std::vector<PatientScores>& b,
                           bool pooled, bool intersect) {
  const auto map_a = by_case(a);
  const auto map_b = by_case(b);
  const auto only_a = only_in(map_a, map_b);
  const auto only_b = only_in(map_b, map_a);
  if (!intersect && !(only_a.empty() && only_b.empty())) {
    throw DataError(
        fmt::format(
            "the two methods were scored on different cases: only the first has [{}], only the second "
            "has [{}]; score both on the same cases, or pass --intersect",
            fmt::join(only_a, ", "), fmt::join(only_b, ", ")),
        true);
  }
  PairedValues values;
  values.patients_left_out = static_cast<std::int64_t>(only_a.size() + only_b.size());
  for (const auto& [case_id, patient] : map_a) {
    const auto other = map_b.find(case_id);
    if (other != map_b.end()) add_patient(values, *patient, *other->second, pooled);
  }
  return values;
}

PairedComparison compare(const PairedValues& values, const ComparisonOptions& options) {
  return compare(std::span(&values, 1), options);
}

PairedComparison compare(std::span<const PairedValues> parts, const ComparisonOptions& options) {
  const PairedValues values = together(parts);
  PairedComparison out;
  out.pairs = static_cast<std::int64_t>(values.a.size());
  out.parts = static_cast<std::int64_t>(parts.size());
  out.organs_left_out = values.organs_left_out;
  out.patients_left_out = values.patients_left_out;
  out.test = wilcoxon_signed_rank(values.a, values.b, options.test);  // refuses bad input
  std::vector<std::map<std::string, Cluster>> by_patient;
  for (const PairedValues& part : parts) by_patient.push_back(differences_by_patient(part));
  compare_patients(strata_of(by_patient), options, out);
  out.hodges_lehmann = hodges_lehmann(values.a, values.b, kConfidence);
  out.count = wins_ties_losses(values.a, values.b, options.test.tie_tolerance);
  out.p_sign_test = sign_test_p(out.count.wins, out.count.losses);
  decide(options, out);
  out.rank_biserial = mean_rank_biserial(parts, out, options.test.tie_tolerance);
  out.p_pratt = p_under(values, out, options.test, ZeroRule::pratt);
  out.p_wilcox = p_under(values, out, options.test, ZeroRule::wilcox);
  out.p_zsplit = p_under(values, out, options.test, ZeroRule::zsplit);
  out.spread = spread_of(parts, out, options.test.tie_tolerance);
  if (out.spread != Spread::varying) leave_out_what_needs_spread(out);
  out.mean_goes_along = goes_along(out, options.test.alternative);
  return out;
}

Verdict judge(const PairedComparison& comparison, const AdjustedP& adjusted, double alpha) {
  if (comparison.spread == Spread::identical) return Verdict::identical;
  if (adjusted.difference < alpha) {
    const bool is_higher = comparison.favours >= 0;
    const bool is_about_the_mean = comparison.decided_by == Decider::sign_flip;
    if (comparison.mean_goes_along || is_about_the_mean) return is_higher ? Verdict::better : Verdict::worse;
    return is_higher ? Verdict::better_in_most : Verdict::worse_in_most;
  }
  if (comparison.spread == Spread::constant) return Verdict::undecided;
  if (adjusted.equivalence < alpha && comparison.may_be_equivalent) return Verdict::equivalent;
  return adjusted.smallest >= alpha ? Verdict::unreachable : Verdict::undecided;
}

}  // namespace totum
