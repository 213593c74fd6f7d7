#include "reports/overlay_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "evaluation/metric.h"

namespace totum {

namespace {

using nlohmann::json;
using OrganScores = std::map<std::int64_t, double>;
using CaseScores = std::map<std::string, OrganScores>;

// A method as it is shown: one of its runs.
struct Shown {
  const ReportRun* run = nullptr;
  std::map<Modality, CaseScores> scores;
};

Shown shown_run(const TableSpec& table, const ReportInput& input, const std::string& entry) {
  Shown shown;
  for (const ReportRun& run : input.runs) {
    if (run.id != entry || !run.scores) continue;
    shown.run = &run;
    for (const Score& s : *run.scores) {
      if (s.metric == table.metric && s.grid == table.grid && s.in_reference && s.value)
        shown.scores[s.modality][s.case_id][s.organ] = *s.value;
    }
    break;
  }
  return shown;
}

// The mean of an entry's shown cells; nullopt if none has a number.
std::optional<double> overall(const json& results, const std::string& entry) {
  double sum = 0;
  int cells = 0;
  for (const json& value : results.at("values")) {
    if (value.at("entry") != entry || !value.contains("mean_over_organs")) continue;
    sum += value.at("mean_over_organs").get<double>();
    ++cells;
  }
  return cells == 0 ? std::nullopt : std::optional(sum / cells);
}

// The best entry besides the reference; empty if there is none.
std::string best_other(const TableSpec& table, const json& results) {
  std::string best;
  std::optional<double> best_value;
  for (const json& entry : results.at("entries")) {
    const std::string id = entry.at("id");
    if (id == table.tests.reference || !entry.at("compared").get<bool>()) continue;
    const auto value = overall(results, id);
    if (!value) continue;
    const bool is_better = higher_is_better(table.metric) ? value > best_value : value < best_value;
    if (!best_value || is_better) {
      best = id;
      best_value = value;
    }
  }
  return best;
}

double mean(const OrganScores& scores) {
  double sum = 0;
  for (const auto& [organ, value] : scores) sum += value;
  return sum / static_cast<double>(scores.size());
}

// Absolute differences of the organs that both have.
OrganScores differences(const OrganScores& a, const OrganScores& b) {
  OrganScores out;
  for (const auto& [organ, value] : a) {
    if (b.contains(organ)) out[organ] = std::abs(value - b.at(organ));
  }
  return out;
}

// One case of both methods; `badness` grows as the reference method's scores get worse.
struct Candidate {
  std::string case_id;
  const OrganScores* first;
  const OrganScores* second;  // null without a second method
  OrganScores difference;
  double badness = 0;
  double disagreement = 0;
};

std::vector<Candidate> candidates(const Shown& first, const Shown& second, Modality modality, double sign) {
  std::vector<Candidate> found;
  const auto ours = first.scores.find(modality);
  if (ours == first.scores.end()) return found;
  for (const auto& [case_id, scores] : ours->second) {
    Candidate candidate{case_id, &scores, nullptr, {}, -sign * mean(scores), 0};
    if (second.run != nullptr) {
      const auto theirs = second.scores.find(modality);
      if (theirs == second.scores.end() || !theirs->second.contains(case_id)) continue;
      candidate.second = &theirs->second.at(case_id);
      candidate.difference = differences(scores, *candidate.second);
      if (candidate.difference.empty()) continue;
      candidate.disagreement = mean(candidate.difference);
    }
    found.push_back(candidate);
  }
  return found;
}

std::int64_t worst_organ(const Candidate& c, double sign) {
  const auto key = [&](const OrganScores::value_type& item) {
    const auto difference = c.difference.find(item.first);
    return std::pair(-sign * item.second, difference == c.difference.end() ? 0.0 : difference->second);
  };
  return std::max_element(c.first->begin(), c.first->end(),
                          [&](const auto& a, const auto& b) { return key(a) < key(b); })
      ->first;
}

std::int64_t disputed_organ(const Candidate& c) {
  return std::max_element(c.difference.begin(), c.difference.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

json method_json(const ReportRun& run, const OrganScores& scores, const Candidate& of, std::int64_t organ) {
  json out{{"entry", run.id}, {"folder", run.folder}, {"mean", mean(scores)}};
  if (scores.contains(organ)) out["value"] = scores.at(organ);
  const std::string file = fmt::format("predictions_network/{}.nii.gz", of.case_id);
  const json files = run.done.is_null() ? json::object() : run.done.value("files", json::object());
  if (files.contains(file)) out["sha256"] = files.at(file);
  return out;
}

class Chooser {
 public:
  Chooser(const TableSpec& table, const Shown& first, const Shown& second)
      : table_(table), first_(first), second_(second), sign_(higher_is_better(table.metric) ? 1 : -1) {}

  void choose(Modality modality, json& list) const {
    auto all = candidates(first_, second_, modality, sign_);
    if (all.empty()) return;
    const auto worst = std::max_element(
        all.begin(), all.end(), [](const Candidate& a, const Candidate& b) { return a.badness < b.badness; });
    list.push_back(to_json(*worst, "worst", modality, worst_organ(*worst, sign_)));
    all.erase(worst);
    if (second_.run == nullptr || all.empty()) return;
    const auto disputed = std::max_element(
        all.begin(), all.end(),
        [](const Candidate& a, const Candidate& b) { return a.disagreement < b.disagreement; });
    list.push_back(to_json(*disputed, "disputed", modality, disputed_organ(*disputed)));
  }

 private:
  [[nodiscard]] json to_json(const Candidate& c, const char* choice, Modality modality,
                             std::int64_t organ) const {
    json out{{"table", table_.name}, {"choice", choice},
             {"case", c.case_id},    {"modality", to_string(modality)},
             {"organ", organ},       {"reference", method_json(*first_.run, *c.first, c, organ)}};
    if (second_.run == nullptr) return out;
    out["other"] = method_json(*second_.run, *c.second, c, organ);
    out["disagreement"] = c.disagreement;
    return out;
  }

  const TableSpec& table_;
  const Shown& first_;
  const Shown& second_;
  double sign_;
};

}  // namespace

json overlay_cases(const TableSpec& table, const ReportInput& input, const json& results) {
  json list = json::array();
  const Shown first = shown_run(table, input, table.tests.reference);
  if (first.run == nullptr) return list;
  const std::string other = best_other(table, results);
  const Shown second = other.empty() ? Shown{} : shown_run(table, input, other);
  const Chooser chooser(table, first, second);
  for (const Modality modality : {Modality::ct, Modality::mr}) chooser.choose(modality, list);
  return list;
}

}  // namespace totum
