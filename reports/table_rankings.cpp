#include "reports/table_rankings.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/random.h"
#include "evaluation/cliques.h"
#include "evaluation/common_scores.h"
#include "evaluation/friedman.h"
#include "evaluation/kendall_tau.h"
#include "evaluation/metric.h"
#include "evaluation/nemenyi.h"
#include "evaluation/ranking_study.h"

namespace totum {

namespace {

using nlohmann::json;

// The compared entries that have scores in a cell, and what all of them were scored on.
struct Contest {
  std::vector<std::string> entries;
  std::vector<CommonScores> parts;
  std::int64_t patients = 0, patients_left_out = 0, values = 0, values_left_out = 0;

  [[nodiscard]] bool has_patients() const {
    return !parts.empty() && std::all_of(parts.begin(), parts.end(),
                                         [](const CommonScores& part) { return !part.case_ids.empty(); });
  }
};

Contest contest_of(const TableContext& context, const TableCell& cell) {
  Contest contest;
  std::vector<std::vector<std::vector<PatientScores>>> by_part(context.basic_cells(cell).size());
  for (const TableEntry& entry : context.table.entries) {
    if (!context.is_compared(entry)) continue;
    auto parts = context.parts_of(cell, context.scores_of(entry.id));
    if (std::all_of(parts.begin(), parts.end(), [](const auto& part) { return part.empty(); })) continue;
    contest.entries.push_back(entry.id);
    for (std::size_t part = 0; part < parts.size(); ++part) by_part[part].push_back(std::move(parts[part]));
  }
  if (contest.entries.empty()) return contest;
  for (const auto& methods : by_part) {
    const CommonScores& part = contest.parts.emplace_back(common_scores(methods));
    contest.patients += static_cast<std::int64_t>(part.case_ids.size());
    contest.patients_left_out += part.patients_left_out;
    contest.values_left_out += part.values_left_out;
    for (const auto& organs : part.organs) contest.values += static_cast<std::int64_t>(organs.size());
  }
  return contest;
}

RankingOptions ranking_options(const TableContext& context, const TableCell& cell) {
  const TableTests& tests = context.table.tests;
  RankingOptions options;
  options.test.zeros = tests.zeros;
  options.test.tie_tolerance = tests.tie_tolerance;
  options.alpha = tests.alpha;
  options.higher_is_better = higher_is_better(context.table.metric);
  options.resamples = context.options.resamples;
  options.seed = derive_seed(context.options.seed, context.table.name + "/" + cell.id + "/rankings");
  options.threads = context.options.threads;
  return options;
}

const Ranking& ranking_by(const RankingStudy& study, RankingScheme scheme) {
  return study.rankings[static_cast<std::size_t>(scheme)];
}

// Methods by rank, best first; those that share a rank stay in the table's order.
std::vector<std::size_t> best_first(const Ranking& ranking) {
  std::vector<std::size_t> order(ranking.ranks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t x, std::size_t y) { return ranking.ranks[x] < ranking.ranks[y]; });
  return order;
}

json scheme_json(const Contest& contest, const Ranking& ranking) {
  json places = json::array();
  const bool is_resampled = !ranking.frequencies.empty();
  for (const std::size_t m : best_first(ranking)) {
    places.push_back({{"entry", contest.entries[m]},
                      {"value", ranking.values[m]},
                      {"rank", ranking.ranks[m]},
                      {"rank95", is_resampled ? json(ranking.interval95[m]) : json()},
                      {"frequencies", is_resampled ? json(ranking.frequencies[m]) : json()}});
  }
  return {{"scheme", to_string(ranking.scheme)}, {"places", places}};
}

// Kendall's tau of each pair of schemes; null where one of them puts all entries on one rank.
json agreement(const RankingStudy& study) {
  json list = json::array();
  for (std::size_t i = 0; i < study.rankings.size(); ++i) {
    for (std::size_t j = i + 1; j < study.rankings.size(); ++j) {
      const auto as_numbers = [](const Ranking& ranking) {
        return std::vector<double>(ranking.ranks.begin(), ranking.ranks.end());
      };
      const auto tau = kendall_tau(as_numbers(study.rankings[i]), as_numbers(study.rankings[j]));
      list.push_back({{"first", to_string(study.rankings[i].scheme)},
                      {"second", to_string(study.rankings[j].scheme)},
                      {"tau", tau ? json(*tau) : json()}});
    }
  }
  return list;
}

// What is known about the pairs of methods: [method][method], symmetric.
struct Pairs {
  std::vector<std::vector<bool>> differs_by_wilcoxon, differs_by_nemenyi;
  std::vector<std::vector<double>> p_nemenyi;
};

Pairs pairs_of(const Contest& contest, const RankingStudy& study, double alpha) {
  const std::size_t k = contest.entries.size();
  const std::vector<std::vector<bool>> none(k, std::vector<bool>(k, false));
  Pairs pairs{none, none, {}};
  for (const PairwiseTest& test : study.tests) {
    const bool differs = test.p_adjusted < alpha;
    pairs.differs_by_wilcoxon[test.first][test.second] = differs;
    pairs.differs_by_wilcoxon[test.second][test.first] = differs;
  }
  if (k < 2) return pairs;
  pairs.p_nemenyi = nemenyi_p(ranking_by(study, RankingScheme::mean_rank).values, contest.patients);
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < k; ++j) pairs.differs_by_nemenyi[i][j] = pairs.p_nemenyi[i][j] < alpha;
  }
  return pairs;
}

// Is every score of two methods the same?
bool is_identical(const Contest& contest, std::size_t first, std::size_t second, double tolerance) {
  for (const CommonScores& part : contest.parts) {
    for (std::size_t p = 0; p < part.case_ids.size(); ++p) {
      for (std::size_t o = 0; o < part.organs[p].size(); ++o) {
        if (std::abs(part.values[first][p][o] - part.values[second][p][o]) > tolerance) return false;
      }
    }
  }
  return true;
}

json pairs_json(const Contest& contest, const RankingStudy& study, const Pairs& pairs,
                const RankingOptions& options) {
  json list = json::array();
  const Ranking& by_mean = ranking_by(study, RankingScheme::mean);
  const auto order = best_first(by_mean);
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = i + 1; j < order.size(); ++j) {
      const std::size_t better = order[i];
      const std::size_t other = order[j];
      const auto& test =
          study
              .tests[place_of_pair(std::min(better, other), std::max(better, other), contest.entries.size())];
      list.push_back(
          {{"better", contest.entries[better]},
           {"other", contest.entries[other]},
           {"difference", by_mean.values[better] - by_mean.values[other]},
           {"p", test.test.p_value},
           {"p_adjusted", test.p_adjusted},
           {"p_nemenyi", pairs.p_nemenyi[better][other]},
           {"differs", test.p_adjusted < options.alpha},
           {"identical", is_identical(contest, better, other, options.test.tie_tolerance)},
           {"order_wrong", study.not_before.empty() ? json() : json(study.not_before[better][other])}});
    }
  }
  return list;
}

// The Friedman test of the patients' means; nothing for fewer than three entries or two patients.
std::optional<FriedmanResult> friedman_of(const Contest& contest, const RankingOptions& options) {
  if (contest.entries.size() < 3 || contest.patients < 2) return std::nullopt;
  std::vector<std::vector<double>> values(contest.entries.size());
  for (const CommonScores& part : contest.parts) {
    const auto means = patient_means(part);
    for (std::size_t m = 0; m < means.size(); ++m) {
      for (const double mean : means[m]) values[m].push_back(options.higher_is_better ? mean : -mean);
    }
  }
  return friedman_test(values, options.test.tie_tolerance);
}

json friedman_json(const std::optional<FriedmanResult>& friedman, double alpha) {
  if (!friedman) return nullptr;
  return {{"chi_square", friedman->statistic},
          {"degrees_of_freedom", friedman->methods - 1},
          {"p", friedman->p_value},
          {"iman_davenport_f", friedman->f ? json(*friedman->f) : json()},
          {"iman_davenport_p", friedman->f_p_value ? json(*friedman->f_p_value) : json()},
          {"kendall_w", friedman->kendall_w},
          {"significant", friedman->deciding_p() < alpha}};
}

// Groups of entries that were not shown to differ, members by mean rank. Without a significant omnibus test
// no pair was.
json groups_json(const Contest& contest, const Ranking& by_rank,
                 const std::vector<std::vector<bool>>& differs, const std::optional<FriedmanResult>& friedman,
                 double alpha) {
  const auto order = best_first(by_rank);
  const bool any = !friedman || friedman->deciding_p() < alpha;
  std::vector<std::vector<bool>> ordered(order.size(), std::vector<bool>(order.size(), false));
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = 0; j < order.size(); ++j) ordered[i][j] = any && differs[order[i]][order[j]];
  }
  json groups = json::array();
  for (const auto& members : groups_without_difference(ordered)) {
    json group = json::array();
    for (const std::size_t member : members) group.push_back(contest.entries[order[member]]);
    groups.push_back(group);
  }
  return groups;
}

json ranking_json(const TableContext& context, const TableCell& cell) {
  const Contest contest = contest_of(context, cell);
  if (!contest.has_patients()) {
    return {{"cell", cell.id},
            {"why", contest.entries.empty() ? "no compared entry has a score"
                                            : "no patient has a score from every compared entry"}};
  }
  const RankingOptions options = ranking_options(context, cell);
  const double alpha = options.alpha;
  const RankingStudy study = study_rankings(contest.parts, options);
  const auto friedman = friedman_of(contest, options);
  const Pairs pairs = pairs_of(contest, study, alpha);
  const Ranking& by_rank = ranking_by(study, RankingScheme::mean_rank);
  const auto k = static_cast<std::int64_t>(contest.entries.size());
  json schemes = json::array();
  for (const Ranking& ranking : study.rankings) schemes.push_back(scheme_json(contest, ranking));
  return {
      {"cell", cell.id},
      {"patients", contest.patients},
      {"values", contest.values},
      {"patients_left_out", contest.patients_left_out},
      {"values_left_out", contest.values_left_out},
      {"schemes", schemes},
      {"agreement", agreement(study)},
      {"pairs", pairs_json(contest, study, pairs, options)},
      {"friedman", friedman_json(friedman, alpha)},
      {"post_hoc", context.table.tests.post_hoc},
      {"critical_difference", k < 2 ? json() : json(nemenyi_critical_difference(alpha, k, contest.patients))},
      {"groups",
       {{"wilcoxon-holm", groups_json(contest, by_rank, pairs.differs_by_wilcoxon, friedman, alpha)},
        {"nemenyi", groups_json(contest, by_rank, pairs.differs_by_nemenyi, friedman, alpha)}}}};
}

}  // namespace

json table_rankings(const TableContext& context) {
  json list = json::array();
  for (const TableCell& cell : context.table.cells) list.push_back(ranking_json(context, cell));
  return list;
}

}  // namespace totum
