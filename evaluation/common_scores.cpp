#include "evaluation/common_scores.h"

#include <map>
#include <numeric>

namespace totum {

namespace {

// How many methods have a score, by patient and organ.
std::map<std::string, std::map<std::int64_t, std::size_t>> methods_with_score(
    std::span<const std::vector<PatientScores>> methods) {
  std::map<std::string, std::map<std::int64_t, std::size_t>> count;
  for (const auto& patients : methods) {
    for (const PatientScores& patient : patients) {
      for (const auto& [organ, value] : patient.by_organ) ++count[patient.case_id][organ];
    }
  }
  return count;
}

}  // namespace

CommonScores common_scores(std::span<const std::vector<PatientScores>> methods) {
  CommonScores common;
  std::map<std::string, std::size_t> place;
  for (const auto& [case_id, organs] : methods_with_score(methods)) {
    std::vector<std::int64_t> everywhere;
    for (const auto& [organ, count] : organs) {
      if (count == methods.size()) everywhere.push_back(organ);
    }
    common.values_left_out += static_cast<std::int64_t>(organs.size() - everywhere.size());
    if (everywhere.empty()) {
      ++common.patients_left_out;
      continue;
    }
    place[case_id] = common.case_ids.size();
    common.case_ids.push_back(case_id);
    common.organs.push_back(std::move(everywhere));
  }
  for (const auto& patients : methods) {
    auto& of_method = common.values.emplace_back(common.case_ids.size());
    for (const PatientScores& patient : patients) {
      const auto found = place.find(patient.case_id);
      if (found == place.end()) continue;
      for (const std::int64_t organ : common.organs[found->second])
        of_method[found->second].push_back(patient.by_organ.at(organ));
    }
  }
  return common;
}

std::vector<std::vector<double>> patient_means(const CommonScores& scores) {
  std::vector<std::vector<double>> means;
  for (const auto& of_method : scores.values) {
    auto& row = means.emplace_back();
    for (const auto& organs : of_method)
      row.push_back(std::accumulate(organs.begin(), organs.end(), 0.0) / static_cast<double>(organs.size()));
  }
  return means;
}

}  // namespace totum
