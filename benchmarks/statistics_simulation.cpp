// How the statistics of reports do where the truth is known: coverage of intervals, errors of the family of
// tests, false "equivalent". Prints Markdown tables; exits 1 where a number is outside its bounds.
// statistics_simulation [coverage|family|equivalence] [replicates]

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "evaluation/corrections.h"
#include "evaluation/patient_strata.h"
#include "evaluation/power.h"
#include "tests/evaluation/simulated_patients.h"

namespace totum {
namespace {

using namespace simulation;

bool is_within_bounds = true;
constexpr double kLeastOfSpread = 0.92;  // Satterthwaite's degrees of freedom are an approximation

// How often each of several statements holds.
template <std::size_t N>
std::array<double, N> shares(std::int64_t replicates, const std::string& name,
                             const std::function<std::array<bool, N>(RandomStream&)>& holds) {
  std::vector<std::array<bool, N>> all(static_cast<std::size_t>(replicates));
  parallel_for(replicates, 2, [&](std::int64_t r) {
    RandomStream random(1, name, static_cast<std::uint64_t>(r));
    all[static_cast<std::size_t>(r)] = holds(random);
  });
  std::array<double, N> share{};
  for (const auto& one : all) {
    for (std::size_t i = 0; i < N; ++i) share[i] += one[i] ? 1.0 / static_cast<double>(replicates) : 0;
  }
  return share;
}

bool covers(const std::optional<Interval>& interval, double truth) {
  return interval && interval->low <= truth && truth <= interval->high;
}

std::string gated(double coverage, bool is_gated, double least = 0.93) {
  const bool is_good = !is_gated || (least <= coverage && coverage <= 0.97);
  is_within_bounds = is_within_bounds && is_good;
  return fmt::format("{:.3f}{}", coverage, is_good ? "" : " (!)");
}

// Cells: the pooled mean and the mean over organs; differences: the mean over patients.
void coverage_row(const std::string& name, const std::vector<std::int64_t>& sizes, bool is_exponential,
                  double missing, std::int64_t replicates) {
  constexpr std::int64_t kResamples = 1000;
  const auto share = shares<6>(replicates, name, [&](RandomStream& random) {
    std::vector<std::vector<PatientScores>> parts;
    std::vector<std::map<std::string, Cluster>> differences;
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      parts.push_back(
          patients(random, sizes[k], is_exponential, missing, std::string(1, static_cast<char>('a' + k))));
      auto& part = differences.emplace_back();
      for (const PatientScores& patient : parts.back()) part[patient.case_id] = {patient.mean(), 1};
    }
    const auto cell = *summarise_mean_of(parts, kResamples, random.bits(), 1);
    const auto strata = strata_of(differences);
    return std::array<bool, 6>{covers(cell.t, 0),
                               covers(cell.t_over_organs, 0),
                               covers(t_interval(mean_over_parts(strata), 0.95), 0),
                               covers(cell.bca, 0),
                               covers(cell.bca_over_organs, 0),
                               covers(bca_over_parts(strata, kResamples, random.bits(), 1), 0)};
  });
  fmt::print("| {} | {} | {} | {} | {:.3f} | {:.3f} | {:.3f} |\n", name, gated(share[0], !is_exponential),
             gated(share[1], !is_exponential), gated(share[2], !is_exponential), share[3], share[4],
             share[5]);
}

// Does the interval of the patients needed hold those that the true spread needs?
void needed_row(const std::string& name, const std::vector<std::int64_t>& sizes, bool is_skewed,
                std::int64_t replicates) {
  std::int64_t patients = 0;
  for (const std::int64_t n : sizes) patients += n;
  const auto question_of = [&](std::span<const double> variances) {
    PowerQuestion question;
    question.difference = 0.3;
    question.strata.clear();
    double total = 0;
    for (std::size_t k = 0; k < sizes.size(); ++k) total += variances[k] / static_cast<double>(sizes[k]);
    for (std::size_t k = 0; k < sizes.size(); ++k)
      question.strata.push_back({static_cast<double>(sizes[k]) / static_cast<double>(patients),
                                 variances[k] / static_cast<double>(sizes[k]) / total});
    question.standard_deviation =
        std::sqrt(total * static_cast<double>(patients)) / static_cast<double>(sizes.size());
    return question;
  };
  const std::vector<double> ones(sizes.size(), 1.0);
  const std::int64_t truth = *pairs_needed(0.8, question_of(ones));
  const auto share = shares<2>(replicates, name, [&](RandomStream& random) {
    std::vector<double> variances;
    std::vector<ClusteredMean> means;
    for (const std::int64_t n : sizes) {
      std::vector<Cluster> part;
      for (std::int64_t i = 0; i < n; ++i)
        part.push_back({is_skewed ? patient_effect(random, false) : random.normal(), 1});
      means.push_back(clustered_mean(part));
      variances.push_back(std::pow(means.back().standard_error, 2) * static_cast<double>(n));
    }
    const auto within = [&](double degrees) {
      const auto [low, high] = deviation_factors(degrees);
      PowerQuestion question = question_of(variances);
      const double sd = question.standard_deviation;
      question.standard_deviation = sd * low;
      const auto fewest = *pairs_needed(0.8, question);
      question.standard_deviation = sd * high;
      return fewest <= truth && truth <= *pairs_needed(0.8, question);
    };
    return std::array<bool, 2>{within(mean_of_means(means).degrees_of_freedom),
                               within(static_cast<double>(patients) - static_cast<double>(sizes.size()))};
  });
  fmt::print("| {} | {} | {:.3f} |\n", name, gated(share[0], !is_skewed, kLeastOfSpread), share[1]);
}

void coverage(std::int64_t replicates) {
  fmt::print(
      "| patients | t, pooled mean | t, mean over organs | t, difference | BCa, pooled mean | BCa, mean over "
      "organs "
      "| BCa, difference |\n| --- | --- | --- | --- | --- | --- | --- |\n");
  for (const std::int64_t n : {10, 24, 38, 48}) {
    coverage_row(fmt::format("{}", n), {n}, false, 0, replicates);
    coverage_row(fmt::format("{}, a tenth of the organs missing", n), {n}, false, 0.1, replicates);
  }
  coverage_row("38 + 10, mean of cells", {38, 10}, false, 0, replicates);
  coverage_row("24 + 24, mean of cells", {24, 24}, false, 0, replicates);
  for (const std::int64_t n : {10, 24, 38, 48})
    coverage_row(fmt::format("{}, exponential", n), {n}, true, 0, replicates);
  fmt::print("\n| `patients_needed95` | Welch-Satterthwaite | n - 2 |\n| --- | --- | --- |\n");
  needed_row("38 + 10, normal", {38, 10}, false, replicates);
  needed_row("38 + 10, gamma of skewness 1", {38, 10}, true, replicates);
}

// Three methods of the reference's own mean in each of two cells, and in their mean.
void family(std::int64_t replicates) {
  fmt::print(
      "| family of tests | at least one significant | by the signed-rank test of all pairs |\n| --- | --- | "
      "--- |\n");
  for (const bool pooled : {false, true}) {
    for (const std::int64_t second : {std::int64_t{0}, std::int64_t{10}}) {
      const std::string name =
          fmt::format("{}, {}", pooled ? "pooled" : "patient",
                      second == 0 ? "24 patients, six tests" : "mean of 24 + 10, three tests");
      const auto share = shares<2>(replicates, name, [&](RandomStream& random) {
        std::vector<double> p, p_all;
        for (int test = 0; test < (second == 0 ? 6 : 3); ++test) {
          std::vector<PairedValues> parts{exchangeable_pairs(random, 24, pooled, "a")};
          if (second > 0) parts.push_back(exchangeable_pairs(random, second, pooled, "b"));
          ComparisonOptions options;
          options.pooled = pooled;
          options.resamples = 999;
          options.seed = random.bits();
          const auto c = compare(parts, options);
          p.push_back(c.p);
          p_all.push_back(c.test.p_value);
        }
        const auto any = [](const std::vector<double>& adjusted) {
          return *std::min_element(adjusted.begin(), adjusted.end()) < 0.05;
        };
        return std::array<bool, 2>{any(holm(p)), any(holm(p_all))};
      });
      is_within_bounds = is_within_bounds && share[0] <= 0.06;
      fmt::print("| {} | {:.3f}{} | {:.3f} |\n", name, share[0], share[0] <= 0.06 ? "" : " (!)", share[1]);
    }
  }
}

void equivalence(std::int64_t replicates) {
  fmt::print(
      "| model | patients | false \"equivalent\" | accepted | by two one-sided t tests alone |\n| --- | --- "
      "| --- | "
      "--- | --- |\n");
  for (const FailureModel& model : kFailureModels) {
    for (const std::int64_t n : {24, 38, 48}) {
      const auto share =
          shares<2>(replicates, fmt::format("{} {}", model.name, n), [&](RandomStream& random) {
            ComparisonOptions options;
            options.equivalence_margin = 1;
            options.resamples = 2000;
            options.seed = random.bits();
            const auto c = compare(failing_pairs(random, n, model), options);
            return std::array<bool, 2>{
                judge(c, {1, c.smallest_p, c.p_equivalence}, 0.05) == Verdict::equivalent,
                c.p_equivalence < 0.05};
          });
      const double accepted = accepted_equivalence(n, model);
      is_within_bounds = is_within_bounds && share[0] <= accepted;
      fmt::print("| {} | {} | {:.3f}{} | {:.3f} | {:.3f} |\n", model.name, n, share[0],
                 share[0] <= accepted ? "" : " (!)", accepted, share[1]);
    }
  }
}

}  // namespace
}  // namespace totum

int main(int count, char** arguments) {
  const std::string what = count > 1 ? arguments[1] : "all";
  const std::int64_t replicates = count > 2 ? std::atoll(arguments[2]) : 4000;
  if (what == "coverage" || what == "all") totum::coverage(replicates);
  if (what == "family" || what == "all") totum::family(replicates);
  if (what == "equivalence" || what == "all") totum::equivalence(replicates);
  return totum::is_within_bounds ? 0 : 1;
}
