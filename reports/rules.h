#pragma once
// The rules that reports and scores are made under, by number: what a program counts otherwise than an
// earlier one did. A report and a run that carry no number were made under rule 1 alone.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace totum {

struct Rule {
  std::int64_t number = 1;
  bool of_scores = false;    // it can change a score, not only what a report makes of scores
  std::string_view changed;  // one sentence
};

/// All rules in order; numbers count up from 1 and never change their meaning.
const std::vector<Rule>& all_rules();
std::int64_t current_rules();  // the last number

/// The number that a report.json or run.json was made under: its `rules`, or 1.
std::int64_t rules_of(const nlohmann::json& document);

/// "2 (…), 5 (…)": what changed after `rules`, of scores only or all; empty if nothing did.
std::string changed_since(std::int64_t rules, bool only_of_scores);

}  // namespace totum
