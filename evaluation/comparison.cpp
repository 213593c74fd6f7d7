#include "evaluation/comparison.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <map>

#include "core/error.h"
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

// Differences by patient, in the order of case ids.
std::vector<Cluster> differences_by_patient(const PairedValues& values) {
  std::map<std::string, Cluster> patients;
  for (std::size_t i = 0; i < values.a.size(); ++i) {
    Cluster& patient = patients[values.case_ids[i]];
    patient.sum += values.a[i] - values.b[i];
    patient.count += 1;
  }
  std::vector<Cluster> clusters;
  for (const auto& [case_id, patient] : patients) clusters.push_back(patient);
  return clusters;
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

// 95 % of the mean of the parts' mean differences; each part is resampled on its own.
std::optional<Interval> stratified_bca(const std::vector<std::vector<Cluster>>& parts, double estimate,
                                       const ComparisonOptions& options) {
  std::vector<double> resampled(static_cast<std::size_t>(options.resamples), 0.0);
  std::vector<std::vector<double>> left_out;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    if (parts[part].size() < 2) return std::nullopt;
    const auto means = bootstrap_means(parts[part], options.resamples, options.seed, options.threads, part);
    for (std::size_t r = 0; r < means.size(); ++r)
      resampled[r] += means[r] / static_cast<double>(parts.size());
    left_out.push_back(leave_one_out(parts[part]));
  }
  return bca_interval(estimate, resampled, left_out, kConfidence);
}

// What each patient adds to the mean difference, up to a factor: parts have equal weight, whatever their
// size.
std::vector<double> contributions(const std::vector<std::vector<Cluster>>& parts) {
  std::vector<double> counts(parts.size(), 0.0);
  for (std::size_t part = 0; part < parts.size(); ++part) {
    for (const Cluster& patient : parts[part]) counts[part] += patient.count;
  }
  std::vector<double> sums;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    const double weight = counts.front() / counts[part];
    for (const Cluster& patient : parts[part]) sums.push_back(weight * patient.sum);
  }
  return sums;
}

// The numbers that take patients as independent units.
void compare_patients(std::span<const PairedValues> parts, const ComparisonOptions& options,
                      PairedComparison& out) {
  std::vector<std::vector<Cluster>> patients;
  std::vector<ClusteredMean> means;
  out.parts = static_cast<std::int64_t>(parts.size());
  for (const PairedValues& part : parts) {
    patients.push_back(differences_by_patient(part));
    means.push_back(clustered_mean(patients.back()));
    out.patients += static_cast<std::int64_t>(patients.back().size());
  }
  const ClusteredMean difference = mean_of_means(means);
  out.mean_difference = difference.mean;
  out.standard_error = difference.standard_error;
  out.degrees_of_freedom = difference.degrees_of_freedom;
  out.t = t_interval(difference, kConfidence);
  out.bca = stratified_bca(patients, difference.mean, options);
  out.p_sign_flip = sign_flip_p(contributions(patients), options.resamples, options.seed);
  out.p_equivalence = equivalence_p(difference, options.equivalence_margin);
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
  const std::vector<Cluster> patients = differences_by_patient(part);
  const auto difference = [](const Cluster& patient) { return patient.sum / patient.count; };
  return std::all_of(patients.begin(), patients.end(), [&](const Cluster& patient) {
    return std::abs(difference(patient) - difference(patients.front())) <= tolerance;
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
  out.standard_error = 0;
  out.degrees_of_freedom = 0;
  out.p_equivalence = 1;
}

double p_under(const PairedValues& values, SignedRankOptions options, ZeroRule rule) {
  options.zeros = rule;
  return wilcoxon_signed_rank(values.a, values.b, options).p_value;
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
  }
  return "";
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
  out.organs_left_out = values.organs_left_out;
  out.patients_left_out = values.patients_left_out;
  out.test = wilcoxon_signed_rank(values.a, values.b, options.test);  // refuses bad input
  compare_patients(parts, options, out);
  out.hodges_lehmann = hodges_lehmann(values.a, values.b, kConfidence);
  out.rank_biserial = rank_biserial(values.a, values.b, options.test.tie_tolerance);
  out.count = wins_ties_losses(values.a, values.b, options.test.tie_tolerance);
  out.p_sign_test = sign_test_p(out.count.wins, out.count.losses);
  out.p_pratt = p_under(values, options.test, ZeroRule::pratt);
  out.p_wilcox = p_under(values, options.test, ZeroRule::wilcox);
  out.p_zsplit = p_under(values, options.test, ZeroRule::zsplit);
  const double two_sided = smallest_signed_rank_p(out.pairs);
  out.smallest_p = options.test.alternative == Alternative::two_sided ? two_sided : two_sided / 2;
  out.spread = spread_of(parts, out, options.test.tie_tolerance);
  if (out.spread != Spread::varying) leave_out_what_needs_spread(out);
  return out;
}

Verdict judge(const PairedComparison& comparison, const AdjustedP& adjusted, double alpha) {
  if (comparison.spread == Spread::identical) return Verdict::identical;
  if (adjusted.difference < alpha) {
    return comparison.test.w_plus >= comparison.test.w_minus ? Verdict::better : Verdict::worse;
  }
  if (comparison.spread == Spread::constant) return Verdict::undecided;
  if (adjusted.equivalence < alpha) return Verdict::equivalent;
  return adjusted.smallest >= alpha ? Verdict::unreachable : Verdict::undecided;
}

}  // namespace totum
