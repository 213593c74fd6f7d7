#include "reports/markdown_rankings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "reports/markdown_text.h"
#include "reports/render_common.h"
#include "reports/sentence.h"

namespace totum::markdown {

namespace {

using nlohmann::json;
using namespace render;

constexpr double kDoubtfulOrder = 0.05;

std::string name_of(const json& table, const json& entry) { return plain(label_of(table, "entries", entry)); }

std::string scheme_name(const std::string& scheme) {
  return scheme == "mean" ? "mean over organs" : scheme == "mean_rank" ? "mean rank" : scheme;
}

std::string value_text(const json& table, const std::string& scheme, double value) {
  if (scheme == "tests") return fmt::format("{:.0f}", value);
  return scheme == "mean_rank" ? fmt::format("{:.2f}", value) : percent(table, value);
}

// "1. Ours (58.3; 1–2)"
std::string places_text(const json& table, const json& scheme) {
  std::vector<std::string> parts;
  for (const json& place : scheme.at("places")) {
    std::string value = value_text(table, scheme.at("scheme"), place.at("value"));
    const json& ranks = place.at("rank95");
    if (!ranks.is_null())
      value += fmt::format("; {}–{}", ranks[0].get<std::int64_t>(), ranks[1].get<std::int64_t>());
    parts.push_back(fmt::format("{}. {} ({})", place.at("rank").get<std::int64_t>(),
                                name_of(table, place.at("entry")), value));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string order_table(const json& table) {
  std::string text = header(
      {"cell", "patients", "by mean over organs", "by median patient", "by mean rank", "by tests won"});
  for (const json& ranking : table.at("rankings")) {
    std::vector<std::string> fields{plain(label_of(table, "cells", ranking.at("cell")))};
    if (ranking.contains("why")) {
      fields.insert(fields.end(), {"0", plain(ranking.at("why")), "", "", ""});
    } else {
      fields.push_back(ranking.at("patients").dump());
      for (const json& scheme : ranking.at("schemes")) fields.push_back(places_text(table, scheme));
    }
    text += row(fields);
  }
  return text;
}

std::string friedman_text(const json& friedman) {
  if (friedman.is_null()) return "";
  const std::string f =
      friedman.at("iman_davenport_p").is_null()
          ? "all patients order them alike"
          : fmt::format("Iman–Davenport F = {:.2f}, p {}", friedman.at("iman_davenport_f").get<double>(),
                        p_with_sign(friedman.at("iman_davenport_p")));
  return fmt::format(
      "{} (Friedman χ² = {:.2f}, {} degrees of freedom, p {}; {}; Kendall's W {:.2f}). ",
      friedman.at("significant").get<bool>() ? "the methods differ" : "no difference of any methods is shown",
      friedman.at("chi_square").get<double>(), friedman.at("degrees_of_freedom").dump(),
      p_with_sign(friedman.at("p")), f, friedman.at("kendall_w").get<double>());
}

std::string groups_text(const json& table, const json& ranking) {
  const std::string post_hoc = ranking.at("post_hoc");
  std::vector<std::string> groups;
  for (const json& group : ranking.at("groups").at(post_hoc)) {
    if (group.size() < 2) continue;
    std::vector<std::string> names;
    for (const json& entry : group) names.push_back(name_of(table, entry));
    groups.push_back(fmt::format("{{{}}}", fmt::join(names, ", ")));
  }
  std::string text =
      fmt::format("Not shown to differ ({}): {}. ",
                  post_hoc == "nemenyi" ? "Nemenyi" : "pairwise Wilcoxon tests, Holm over all pairs",
                  groups.empty() ? "none" : fmt::format("{}", fmt::join(groups, ", ")));
  if (!ranking.at("critical_difference").is_null())
    text += fmt::format("Nemenyi's critical difference of mean ranks: {:.2f}. ",
                        ranking.at("critical_difference").get<double>());
  return text;
}

std::string identical_text(const json& table, const json& ranking) {
  std::vector<std::string> parts;
  for (const json& pair : ranking.at("pairs")) {
    if (pair.at("identical").get<bool>())
      parts.push_back(
          fmt::format("{} and {}", name_of(table, pair.at("better")), name_of(table, pair.at("other"))));
  }
  return parts.empty() ? "" : fmt::format("Identical scores: {}. ", fmt::join(parts, ", "));
}

// What the ranking leaves out, since not all have a value of it.
std::string left_out_text(const json& ranking) {
  const auto values = ranking.at("values_left_out").get<std::int64_t>();
  if (values == 0) return "";
  return fmt::format("Without {} (case, organ) pair{} of which not every method has a value. ", values,
                     values == 1 ? "" : "s");
}

std::string agreement_text(const json& ranking) {
  std::vector<std::string> parts;
  for (const json& pair : ranking.at("agreement")) {
    parts.push_back(fmt::format(
        "{} and {} {}", scheme_name(pair.at("first")), scheme_name(pair.at("second")),
        pair.at("tau").is_null() ? "undefined" : fmt::format("{:.2f}", pair.at("tau").get<double>())));
  }
  return fmt::format("Kendall's tau between the orders: {}. ", fmt::join(parts, ", "));
}

std::string doubts_text(const json& table, const json& ranking) {
  std::vector<std::string> parts;
  for (const json& pair : ranking.at("pairs")) {
    if (pair.at("identical").get<bool>() || pair.at("order_wrong").is_null() ||
        pair.at("order_wrong").get<double>() < kDoubtfulOrder)
      continue;
    parts.push_back(fmt::format("{} before {} ({:.0f} %)", name_of(table, pair.at("better")),
                                name_of(table, pair.at("other")),
                                100 * pair.at("order_wrong").get<double>()));
  }
  if (parts.empty()) return "";
  return fmt::format("Orders by mean over organs that {:.0f} % or more of the resamples turn around: {}.",
                     100 * kDoubtfulOrder, fmt::join(parts, ", "));
}

std::string needed_text(const json& patients) { return patients.is_null() ? "> 10⁷" : patients.dump(); }

}  // namespace

std::string ranking_section(const json& table) {
  std::string text =
      "By patient, over the (case, organ) pairs that every compared method was scored on. Each method with "
      "its rank, and in brackets the value that the scheme goes by and the middle 95 % of its ranks when "
      "patients are resampled. Where the schemes disagree, no single order should be quoted.\n\n";
  text += order_table(table) + "\n";
  for (const json& ranking : table.at("rankings")) {
    if (ranking.contains("why") || ranking.at("pairs").empty()) continue;
    text += fmt::format("- {}: {}{}{}{}{}{}\n", plain(label_of(table, "cells", ranking.at("cell"))),
                        left_out_text(ranking), friedman_text(ranking.at("friedman")),
                        groups_text(table, ranking), identical_text(table, ranking), agreement_text(ranking),
                        doubts_text(table, ranking));
  }
  return text;
}

std::string power_section(const json& table) {
  const json& tests = table.at("tests");
  std::string text = fmt::format(
      "Patients that the test that decides would need to find a difference of {} {} with a chance of {:.0f} "
      "%, from "
      "the spread of the stored differences: at the level {:.2g}, the strictest step of the correction, and "
      "at "
      "{:g} were it the only test. The present power of a signed-rank test is simulated from the stored "
      "differences; "
      "patients needed follow from the noncentral t distribution, and from simulation below 14. In brackets: "
      "at the "
      "ends of the spread's own 95 % interval.\n\n",
      percent(table, tests.at("equivalence_margin").get<double>()), points(table),
      100 * tests.at("wanted_power").get<double>(), tests.at("power_alpha").get<double>(),
      tests.at("alpha").get<double>());
  text += header({"cell", "against", "power of the", "sd of the differences", "patients", "power now",
                  "patients needed", "needed alone"});
  for (const json& test : tests.at("results")) {
    std::vector<std::string> fields{plain(label_of(table, "cells", test.at("cell"))),
                                    name_of(table, test.at("entry"))};
    const json& power = test.at("power");
    if (power.is_null()) {
      fields.insert(fields.end(), {"–", "–", test.at("patients").dump(), "–", "–", "–"});
    } else {
      fields.insert(fields.end(),
                    {power.at("test"), percent(table, power.at("sd").get<double>()),
                     test.at("patients").dump(), fmt::format("{:.2f}", power.at("now").get<double>()),
                     fmt::format("{} ({} to {})", needed_text(power.at("patients_needed")),
                                 needed_text(power.at("patients_needed95")[0]),
                                 needed_text(power.at("patients_needed95")[1])),
                     needed_text(power.at("patients_needed_alone"))});
    }
    text += row(fields);
  }
  return text;
}

}  // namespace totum::markdown
