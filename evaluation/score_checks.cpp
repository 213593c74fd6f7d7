#include "evaluation/score_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "evaluation/cell_summary.h"
#include "evaluation/metric.h"

namespace totum {

namespace {

bool is_of_choice(const Score& score, const ScoreChoice& choice) {
  return score.metric == choice.metric && score.grid == choice.grid;
}

// The first that said something about a case or an organ, and what.
struct Said {
  std::size_t by = 0;
  const Score* score = nullptr;
};

// What a score says otherwise than another of the same case and organ; empty if nothing.
std::string contradiction(const Score& first, const std::string& by, const Score& second,
                          const std::string& other) {
  if (first.modality != second.modality) {
    return fmt::format("case {} is {} in {}, but {} in {}", first.case_id, to_string(first.modality), by,
                       to_string(second.modality), other);
  }
  if (first.organ != second.organ) return "";
  const std::string organ =
      fmt::format("organ {} ({}) of {}", first.organ, organ_name(first.organ), first.case_id);
  if (first.relation != second.relation) {
    return fmt::format("{} is {} in {}, but {} in {}", organ, to_string(first.relation), by,
                       to_string(second.relation), other);
  }
  if (first.in_reference != second.in_reference) {
    return fmt::format(
        "{} is in the reference of {}, but not of {} (in_reference; a file without this column "
        "says that every organ is)",
        organ, first.in_reference ? by : other, first.in_reference ? other : by);
  }
  return "";
}

std::set<CaseOrgan> counted_pairs(const std::vector<Score>& scores, const ScoreChoice& choice) {
  std::set<CaseOrgan> pairs;
  for (const Score& score : scores) {
    if (is_of_choice(score, choice) && is_averaged(score) &&
        choice.cells.contains({score.modality, score.relation}))
      pairs.emplace(score.case_id, score.organ);
  }
  return pairs;
}

}  // namespace

std::vector<std::string> contradictions(std::span<const NamedScores> all, const ScoreChoice& choice) {
  std::map<std::string, Said> cases;
  std::map<CaseOrgan, Said> organs;
  std::vector<std::string> found;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const Score& score : *all[i].scores) {
      if (!is_of_choice(score, choice)) continue;
      const Said& of_case = cases.try_emplace(score.case_id, Said{i, &score}).first->second;
      const Said& of_organ = organs.try_emplace({score.case_id, score.organ}, Said{i, &score}).first->second;
      const Said& said = of_case.score->modality == score.modality ? of_organ : of_case;
      const std::string text = contradiction(*said.score, all[said.by].name, score, all[i].name);
      if (!text.empty()) found.push_back(text);
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

Coverage coverage_of(std::span<const NamedScores> all, const ScoreChoice& choice) {
  std::vector<std::set<CaseOrgan>> pairs;
  std::map<CaseOrgan, std::size_t> count;
  for (const NamedScores& named : all) {
    pairs.push_back(counted_pairs(*named.scores, choice));
    for (const CaseOrgan& pair : pairs.back()) ++count[pair];
  }
  Coverage coverage;
  coverage.lacking.resize(all.size());
  for (const auto& [pair, times] : count) {
    if (times == all.size()) {
      coverage.common.insert(pair);
      continue;
    }
    coverage.of_some.insert(pair);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!pairs[i].contains(pair)) coverage.lacking[i].insert(pair);
    }
  }
  return coverage;
}

std::vector<std::string> lacking_lines(std::span<const NamedScores> all, const Coverage& coverage,
                                       const ScoreChoice& choice) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (coverage.lacking[i].empty()) continue;
    const std::set<CaseOrgan> own = counted_pairs(*all[i].scores, choice);
    if (own.empty()) {
      lines.push_back(fmt::format("{}: no {} on the {} grid; it has {}", all[i].name, choice.metric,
                                  choice.grid, choices_text(*all[i].scores)));
      continue;
    }
    std::set<std::string> own_cases;
    for (const auto& [case_id, organ] : own) own_cases.insert(case_id);
    std::set<std::string> whole_cases;
    std::set<CaseOrgan> organs;
    for (const CaseOrgan& pair : coverage.lacking[i]) {
      if (own_cases.contains(pair.first)) {
        organs.insert(pair);
      } else {
        whole_cases.insert(pair.first);
      }
    }
    std::vector<std::string> parts;
    if (!whole_cases.empty())
      parts.push_back("no row of " + first_of({whole_cases.begin(), whole_cases.end()}));
    if (!organs.empty()) parts.push_back("no " + pairs_text(organs));
    lines.push_back(fmt::format("{}: {}", all[i].name, fmt::join(parts, "; ")));
  }
  return lines;
}

std::string choices_text(const std::vector<Score>& scores) {
  std::set<std::string> choices;
  for (const Score& score : scores) choices.insert(fmt::format("{} ({})", score.metric, score.grid));
  return choices.empty() ? "nothing" : first_of({choices.begin(), choices.end()});
}

std::string pairs_text(const std::set<CaseOrgan>& pairs) {
  std::map<std::int64_t, std::vector<std::string>> cases_of;
  for (const auto& [case_id, organ] : pairs) cases_of[organ].push_back(case_id);
  std::vector<std::string> parts;
  for (const auto& [organ, cases] : cases_of)
    parts.push_back(fmt::format("{} ({})", organ_name(organ), first_of(cases)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string first_of(const std::vector<std::string>& items) {
  return fmt::format("{}", fmt::join(first_few(items), ", "));
}

std::vector<std::string> first_few(const std::vector<std::string>& items) {
  constexpr std::ptrdiff_t kMostNamed = 10;
  const auto count = static_cast<std::ptrdiff_t>(items.size());
  std::vector<std::string> few(items.begin(), items.begin() + std::min(count, kMostNamed));
  if (count > kMostNamed) few.push_back(fmt::format("… ({} in all)", count));
  return few;
}

}  // namespace totum
