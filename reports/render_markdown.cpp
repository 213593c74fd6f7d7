#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <set>

#include "reports/ledger.h"
#include "reports/markdown_rankings.h"
#include "reports/markdown_text.h"
#include "reports/render.h"
#include "reports/render_common.h"
#include "reports/sentence.h"

namespace totum {

namespace {

using nlohmann::json;
using namespace render;
using markdown::header;
using markdown::plain;
using markdown::row;

// The label of a row, with a dagger if there is a footnote to it.
std::string row_label(const json& entry) { return plain(entry.at("label")) + (is_marked(entry) ? " †" : ""); }

std::string marks_text(const json& table, const std::string& cell, const std::string& entry,
                       const std::string& mean) {
  const std::string marks = test_marks(table, cell, entry, mean);
  return marks.starts_with('*') ? "\\" + marks : marks;
}

std::string cell_text(const json& table, const std::string& cell, const std::string& entry) {
  const json value = value_of(table, cell, entry);
  if (!has_mean(value)) return "–" + missed_text(value);
  std::string text = mean_and_sd(table, value);
  if (is_best(table, cell, entry)) text = "**" + text + "**";
  return text + marks_text(table, cell, entry, "pooled mean") + missed_text(value);
}

std::string paper_text(const json& value) {
  if (value.is_null() || !value.contains("paper") || !value.at("paper").contains("mean")) return "";
  const json& paper = value.at("paper");
  return paper.contains("sd") ? fmt::format("{} ± {}", percent(paper.at("mean")), percent(paper.at("sd")))
                              : percent(paper.at("mean"));
}

std::string value_table(const json& table) {
  const auto cells = shown_cells(table);
  const bool has_paper = table.at("paper_table") != 0;
  std::vector<std::string> names{"method", "seeds"};
  for (const json& cell : cells) {
    names.push_back(plain(cell.at("label")));
    if (has_paper) names.emplace_back("paper");
  }
  std::string text = header(names);
  for (const json& entry : table.at("entries")) {
    std::vector<std::string> fields{row_label(entry), fmt::format("{}", entry.at("seeds").size())};
    for (const json& cell : cells) {
      fields.push_back(cell_text(table, cell.at("id"), entry.at("id")));
      if (has_paper) fields.push_back(paper_text(value_of(table, cell.at("id"), entry.at("id"))));
    }
    text += row(fields);
  }
  return text;
}

// The primary estimator, beside the table whose numbers are the paper's.
std::string organ_mean_table(const json& table) {
  const auto cells = shown_cells(table);
  std::vector<std::string> names{"mean over organs"};
  for (const json& cell : cells) names.push_back(plain(cell.at("label")));
  std::string text = header(names);
  for (const json& entry : table.at("entries")) {
    std::vector<std::string> fields{plain(entry.at("label"))};
    for (const json& cell : cells) {
      const json value = value_of(table, cell.at("id"), entry.at("id"));
      fields.push_back((has_mean(value)
                            ? percent(table, value.at("mean_over_organs")) +
                                  marks_text(table, cell.at("id"), entry.at("id"), "mean over organs")
                            : "–") +
                       missed_text(value));
    }
    text += row(fields);
  }
  return text;
}

std::vector<std::string> interval_row(const json& table, const json& value) {
  const auto with_interval = [&](const char* mean, const char* interval) {
    return fmt::format("{} ({})", percent(table, value.at(mean)), interval_text(table, value.at(interval)));
  };
  return {value.at("patients").dump(),
          value.at("values").dump(),
          value.at("not_scored").dump(),
          value.at("missed").dump(),
          value.at("hallucinations").dump(),
          with_interval("mean", "ci95"),
          with_interval("mean_over_organs", "ci95_over_organs"),
          fmt::format("{}; {}", interval_text(table, value.at("bca95")),
                      interval_text(table, value.at("bca95_over_organs"))),
          value.contains("sd_over_seeds") ? percent(table, value.at("sd_over_seeds")) : ""};
}

std::string interval_table(const json& table) {
  std::string text =
      header({"cell", "method", "patients", "values", "not scored", "missed", "hallucinations",
              "pooled mean (95 % CI)", "mean over organs (95 % CI)",
              "BCa of the pooled mean; of the mean over organs", "sd over seeds", "against the paper"});
  for (const json& cell : shown_cells(table)) {
    for (const json& entry : table.at("entries")) {
      const json value = value_of(table, cell.at("id"), entry.at("id"));
      std::vector<std::string> fields{plain(cell.at("label")), row_label(entry)};
      const std::vector<std::string> numbers =
          has_mean(value) ? interval_row(table, value)
                          : std::vector<std::string>{
                                value.at("why"), "", "", value.at("missed").dump(), "", "", "", "", ""};
      fields.insert(fields.end(), numbers.begin(), numbers.end());
      fields.push_back(plain(paper_verdict(value)));
      text += row(fields);
    }
  }
  return text;
}

std::string test_table(const json& table) {
  std::string text =
      header({"cell", "against", "pairs", "difference of the " + tested_mean(table) + " (95 % CI)",
              "of the pooled mean", "of the mean over organs", "Hodges–Lehmann", "rank-biserial",
              "wins/ties/losses", "p", "by", "adjusted p", "verdict"});
  for (const json& test : table.at("tests").at("results")) {
    text += row({plain(label_of(table, "cells", test.at("cell"))),
                 plain(label_of(table, "entries", test.at("entry"))), test.at("pairs").dump(),
                 fmt::format("{} ({})", percent(table, test.at("mean_difference")),
                             interval_text(table, test.at("ci95"))),
                 percent(table, test.at("pooled_mean_difference")),
                 percent(table, test.at("mean_over_organs_difference")),
                 percent(table, test.at("hodges_lehmann")),
                 fmt::format("{:.2f}", test.at("rank_biserial").get<double>()),
                 fmt::format("{}/{}/{}", test.at("wins").dump(), test.at("ties_in_outcome").dump(),
                             test.at("losses").dump()),
                 p_text(test.at("p")), test.at("decided_by"), p_text(test.at("p_adjusted")),
                 plain(verdict_text(test) + (test.at("contradicted_by").empty() ? "" : " §"))});
  }
  return text;
}

std::string test_section(const json& table) {
  const json& tests = table.at("tests");
  std::string text = fmt::format(
      "{} test of {} against every other method: {}; zero differences: {}; {}; adjusted p: {} over {}. A "
      "verdict speaks "
      "about {}.\n\n",
      tests.at("test").get<std::string>(), plain(label_of(table, "entries", tests.at("reference"))),
      tests.at("pairs_note").get<std::string>(), tests.at("zeros").get<std::string>(),
      tests.at("alternative").get<std::string>(), correction_name(table),
      tests.at("family").get<std::string>(), plain(label_of(table, "entries", tests.at("reference"))));
  if (!tests.at("results").empty()) text += test_table(table) + "\n";
  for (const json& test : tests.at("results")) text += "- " + plain(test.at("sentence")) + "\n";
  for (const json& skipped : tests.at("skipped")) {
    text += fmt::format("- Not tested: {} of {}: {}.\n", plain(label_of(table, "cells", skipped.at("cell"))),
                        plain(label_of(table, "entries", skipped.at("entry"))),
                        skipped.at("why").get<std::string>());
  }
  return text;
}

std::string organ_text(const json& table, const json& organ) {
  const json& mean = organ.at("mean");
  return (mean.is_null() ? "–" : percent(table, mean.get<double>())) + missed_text(organ);
}

std::string organ_table(const json& table) {
  using Key = std::tuple<std::string, std::int64_t, std::string>;  // modality, organ, relation
  std::map<Key, std::map<std::string, const json*>> rows;
  for (const json& organ : table.at("organs")) {
    rows[{organ.at("test_modality"), organ.at("organ"), organ.at("relation")}][organ.at("entry")] = &organ;
  }
  std::vector<std::string> names{"test images", "organ", "relation", "patients"};
  for (const json& entry : table.at("entries")) names.push_back(row_label(entry));
  std::string text = header(names);
  for (const auto& [key, by_entry] : rows) {
    const json& first = *by_entry.begin()->second;
    std::vector<std::string> fields{std::get<0>(key) == "ct" ? "CT" : "MR", first.at("name"),
                                    std::get<2>(key), first.at("patients").dump()};
    for (const json& entry : table.at("entries")) {
      const auto found = by_entry.find(entry.at("id"));
      fields.push_back(found == by_entry.end() ? "–" : organ_text(table, *found->second));
    }
    text += row(fields);
  }
  return text;
}

std::string table_section(const json& report, const json& table) {
  std::string text = fmt::format(
      "\n## {0}: {1}\n\n_{2}_\n\n{3} on the {4} grid, **pooled mean** ± standard deviation over "
      "all (case, organ) pairs, the paper's estimator; bold: {6} pooled mean of the methods that missed "
      "nothing, unless a test of the cell calls it worse; \\*: significantly different from {5} in the {7} "
      "after correction.\n\n",
      plain(table.at("name")), plain(table.at("title")), plain(report.at("size")), metric_with_unit(table),
      table.at("grid").get<std::string>(),
      plain(label_of(table, "entries", table.at("tests").at("reference"))), best_is(table),
      tested_mean(table));
  if (table.contains("declaration"))
    text += "Declaration: " + plain(table.at("declaration").at("sentence")) + ".\n\n";
  text += value_table(table) + "\n";
  for (const std::string& note : footnotes(table)) text += "- † " + plain(note) + "\n";
  text +=
      "\nThe same scores by the **mean over organs** (mean over patients for each organ, then over organs: "
      "every organ counts alike), which is totum's primary estimator and the one that the rankings below go "
      "by:\n\n";
  text += organ_mean_table(table) + "\n";
  for (const json& note : table.at("notes")) text += "- " + plain(note) + "\n";
  const std::string power =
      table.at("tests").at("results").empty() ? "" : "\n### Power\n\n" + markdown::power_section(table);
  return text + "\n### Cells\n\n" + interval_table(table) + "\n### Tests\n\n" + test_section(table) +
         "\n### Rankings\n\n" + markdown::ranking_section(table) + power + "\n### Organs\n\n" +
         organ_table(table);
}

std::string short_hash(const json& object, const char* key) {
  return object.contains(key) ? object.at(key).get<std::string>().substr(0, 12) : "";
}

std::string provenance_section(const json& report) {
  const json& provenance = report.at("provenance");
  std::string text = "\n## Provenance\n\n";
  text += fmt::format(
      "totum {}; {} bootstrap resamples, seed {}. `totum verify` follows every number of this page back to "
      "the stored files.\n\n",
      provenance.at("totum").get<std::string>(), report.at("resampling").at("resamples").dump(),
      report.at("resampling").at("seed").dump());
  text += header({"run", "state", "device", "threads", "patches", "parameters", "configuration", "split",
                  "data", "program", "scores"});
  for (const json& run : provenance.at("runs")) {
    const json hashes = run.value("hashes", json::object());
    text += row({plain(run.at("folder")), run.at("state"), run.value("device", ""),
                 run.contains("threads") ? run.at("threads").dump() : "",
                 run.contains("patches") ? run.at("patches").dump() : "",
                 run.contains("parameters") ? run.at("parameters").dump() : "", short_hash(hashes, "config"),
                 short_hash(hashes, "split"), short_hash(hashes, "data"), short_hash(hashes, "binary"),
                 short_hash(run, "scores_sha256")});
  }
  return text;
}

// A whole number with a blank between thousands; "–" for null.
std::string count_text(const json& value) {
  if (value.is_null()) return "–";
  std::string digits = fmt::format("{:.0f}", value.get<double>());
  for (std::size_t place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, 1, ' ');
  return digits;
}

// A number in units of `unit`, with three significant digits.
std::string scaled_text(const json& value, double unit) {
  return value.is_null() ? "–" : fmt::format("{:.3g}", value.get<double>() / unit);
}

std::string option_text(const json& options) {
  std::map<std::string, std::vector<std::string>> by_origin;
  for (const json& option : options) {
    by_origin[option.at("origin")].push_back(
        plain(fmt::format("{} {}", option.at("name").get<std::string>(), option.at("value").dump())));
  }
  std::vector<std::string> parts;
  for (const auto& [origin, names] : by_origin)
    parts.push_back(fmt::format("{}: {}", origin, fmt::join(names, ", ")));
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, "; "));
}

std::string ledger_section(const json& report) {
  const json& ledger = report.at("ledger");
  if (ledger.at("entries").empty()) return "";
  std::string text =
      "\n## Ledger\n\nWhat every method was given and what it cost: means over its runs, the largest memory "
      "of "
      "any. Multiply-adds are those of convolutions and matrix products in training steps, forward and "
      "backward, counted in the first step of every epoch. Seconds and memory were measured on whatever "
      "machine "
      "made the runs, prediction over all test cases.\n\n";
  text += header({"method", "runs", "patches", "steps", "parameters", "10⁹ multiply-adds of a step",
                  "10¹² multiply-adds of a training", "training s", "prediction s", "memory GiB",
                  "GPU memory GiB"});
  constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;
  for (const json& entry : ledger.at("entries")) {
    const json measured = ledger_measured(report, entry);
    text +=
        row({plain(entry.at("label")), fmt::format("{}", entry.at("runs").size()),
             count_text(entry.at("patches")), count_text(entry.at("iterations")),
             count_text(entry.at("parameters")), scaled_text(entry.at("multiply_adds_per_iteration"), 1e9),
             scaled_text(entry.at("multiply_adds"), 1e12), scaled_text(measured.at("training_s"), 1),
             scaled_text(measured.at("prediction_s"), 1),
             scaled_text(measured.at("peak_memory_bytes"), kGibibyte),
             scaled_text(measured.at("peak_device_bytes"), kGibibyte)});
  }
  text +=
      "\nWhere each hyper-parameter came from: the paper that describes the method, the code published with "
      "it, or us. Every method has these besides its own: " +
      option_text(ledger.at("common")) + ".\n\n" + header({"method", "its own hyper-parameters by origin"});
  for (const json& entry : ledger.at("entries"))
    text += row({plain(entry.at("label")), option_text(entry.at("options"))});
  return text;
}

}  // namespace

std::string render_markdown(const json& report) {
  std::string text = fmt::format("# {}\n\n", plain(report.at("title")));
  for (const json& caveat : report.at("caveats")) text += "> **" + plain(caveat) + "**\n>\n";
  text += "\n";
  for (const json& failure : report.at("failures")) {
    text += fmt::format("- **Missing:** {}: {}\n", plain(failure.at("folder")), plain(failure.at("reason")));
  }
  for (const json& warning : report.at("warnings")) {
    const auto runs = warning.at("runs").get<std::vector<std::string>>();
    text += fmt::format(
        "- Warning: {}{}\n", plain(warning.at("text")),
        runs.empty() ? "" : fmt::format(" ({})", plain(fmt::format("{}", fmt::join(runs, ", ")))));
  }
  for (const json& table : report.at("tables")) text += table_section(report, table);
  return text + ledger_section(report) + provenance_section(report);
}

}  // namespace totum
