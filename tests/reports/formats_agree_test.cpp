// One table, five formats: each must mark, count and round alike. What is expected is worked out here from
// report.json: the number, whether it is best, whether a test found a difference, how much was missed.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libfccp/csv.h>

#include <sstream>

#include "core/files.h"
#include "core/random.h"
#include "reports/render.h"
#include "reports/report.h"
#include "tests/core/temporary_folder.h"
#include "tests/reports/synthetic_runs.h"

namespace totum {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

struct Shown {
  std::string number;
  bool is_best = false, is_significant = false;
  bool in_most_patients = false, is_contradicted = false;  // ‡ and §
  std::int64_t missed = 0;
};

Shown expected(const json& table, const json& value) {
  Shown shown;
  const double mean = value.at("mean");
  shown.number = table.at("unit") == "" ? fmt::format("{:.1f}", 100 * mean) : fmt::format("{:.2f}", mean);
  shown.is_best = value.at("standing") == "best";
  shown.missed = value.at("missed");
  for (const json& test : table.at("tests").at("results")) {
    if (test.at("cell") == value.at("cell") && test.at("entry") == value.at("entry"))
      shown.is_significant = test.at("verdict") == "better" || test.at("verdict") == "worse";
    if (test.at("cell") == value.at("cell") && test.at("entry") == value.at("entry")) {
      shown.in_most_patients =
          test.at("verdict").get<std::string>().ends_with("in most patients, not in the mean");
      for (const json& name : test.at("contradicted_by")) shown.is_contradicted |= name == "pooled mean";
    }
  }
  return shown;
}

std::vector<std::string> split(const std::string& line, const std::string& separator) {
  std::vector<std::string> fields;
  std::size_t from = 0;
  for (std::size_t at = 0; (at = line.find(separator, from)) != std::string::npos;
       from = at + separator.size())
    fields.push_back(line.substr(from, at - from));
  fields.push_back(line.substr(from));
  return fields;
}

// The first line that begins like this, after `heading`.
std::string line_of(const std::string& page, const std::string& heading, const std::string& begin) {
  std::istringstream lines(page.substr(page.find(heading)));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(begin)) return line;
  }
  ADD_FAILURE() << "no line " << begin;
  return "";
}

std::string missed_text(const Shown& shown) {
  return shown.missed == 0 ? "" : fmt::format(" ({} missed)", shown.missed);
}

// The marks of a cell: each in the format's own signs, in this order.
std::string marks(const Shown& shown, const std::string& star, const std::string& dagger,
                  const std::string& section) {
  return (shown.is_significant ? star : "") + (shown.in_most_patients ? dagger : "") +
         (shown.is_contradicted ? section : "");
}

struct CsvRow {
  std::string mean, missed, verdict, standing;
};

std::map<std::pair<std::string, std::string>, CsvRow> rows_of(const std::string& text) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "values.csv";
  write_file_atomically(path, text);
  io::CSVReader<6, io::trim_chars<' '>, io::double_quote_escape<',', '"'>> csv(path.string());
  csv.read_header(io::ignore_extra_column, "cell", "entry", "pooled_mean", "missed", "verdict", "standing");
  std::map<std::pair<std::string, std::string>, CsvRow> rows;
  std::string cell, entry;
  CsvRow row;
  while (csv.read_row(cell, entry, row.mean, row.missed, row.verdict, row.standing))
    rows[{cell, entry}] = row;
  return rows;
}

void expect_agreement(const json& report) {
  const json& table = report.at("tables").at(0);
  std::vector<std::string> cells;
  for (const json& cell : table.at("cells")) {
    if (cell.at("shown").get<bool>()) cells.push_back(cell.at("id"));
  }
  const bool has_paper = table.at("paper_table") != 0;
  const std::string markdown = render_markdown(report);
  const std::string latex = render_latex_table(report, table);
  const std::string text = render_text_table(table);
  const auto csv_rows = rows_of(render_csv_values(report, table));
  for (const json& entry : table.at("entries")) {
    const std::string label = entry.at("label");
    const auto in_markdown = split(line_of(markdown, "| method |", "| " + label + " "), " | ");
    const auto in_latex = split(line_of(latex, "midrule", label + " &"), " & ");
    const std::string in_text = line_of(text, "\n", label + " ");
    for (std::size_t c = 0; c < cells.size(); ++c) {
      for (const json& value : table.at("values")) {
        if (value.at("cell") != cells[c] || value.at("entry") != entry.at("id")) continue;
        SCOPED_TRACE(cells[c] + " " + label);
        const Shown shown = expected(table, value);
        const std::string sd = table.at("unit") == ""
                                   ? fmt::format("{:.1f}", 100 * value.at("sd").get<double>())
                                   : fmt::format("{:.2f}", value.at("sd").get<double>());
        const std::string bold = shown.is_best ? "**" : "";
        std::string field = in_markdown.at(2 + c * (has_paper ? 2 : 1));
        if (field.ends_with(" |")) field.resize(field.size() - 2);
        EXPECT_EQ(field, fmt::format("{0}{1} ± {2}{0}{3}{4}", bold, shown.number, sd,
                                     marks(shown, "\\*", "‡", "§"), missed_text(shown)));
        const std::string raised = marks(shown, "*", "\\ddagger", "\\S");
        const std::string in_plain = marks(shown, "*", "‡", "§");
        const std::string number = shown.is_best ? "\\mathbf{" + shown.number + "}" : shown.number;
        EXPECT_TRUE(in_latex.at(1 + c).starts_with(fmt::format(
            "${}{} \\pm {}${}", number, raised.empty() ? "" : "^{" + raised + "}", sd, missed_text(shown))))
            << in_latex.at(1 + c);
        EXPECT_NE(in_text.find(fmt::format("{} ± {}{}{}", shown.number, sd, in_plain.empty() ? " " : in_plain,
                                           missed_text(shown))),
                  std::string::npos)
            << in_text;
        const CsvRow& row = csv_rows.at({cells[c], entry.at("id")});
        EXPECT_EQ(row.standing, value.at("standing").get<std::string>());
        EXPECT_EQ(row.missed, std::to_string(shown.missed));
        EXPECT_EQ(std::stod(row.mean), value.at("mean").get<double>());
        EXPECT_EQ(row.verdict == "better" || row.verdict == "worse", shown.is_significant);
      }
    }
  }
}

// Verdicts stand in the tables of tests, in each format, as the JSON has them.
void expect_verdicts(const json& report) {
  const std::string markdown = render_markdown(report);
  const std::string latex = render_latex_document(report);
  for (const json& test : report.at("tables").at(0).at("tests").at("results")) {
    const std::string verdict = test.at("verdict");
    const std::string reason = test.at("reason");
    const std::string said = verdict == "identical" ? reason
                             : reason.empty()       ? verdict
                                                    : verdict + ": " + reason;
    EXPECT_NE(markdown.find(" | " + said + " |\n"), std::string::npos) << said;
    EXPECT_NE(latex.find(" & " + said + " \\\\\n"), std::string::npos) << said;
    for (const std::string& page : {markdown, latex})
      EXPECT_NE(page.find(verdict == "identical" ? "have " + reason : said), std::string::npos) << said;
  }
}

// The page draws its tables from the same numbers, which it carries.
void expect_page_carries(const json& report) {
  const std::string page = render_html(report);
  const std::string open = "<script type=\"application/json\" id=\"report\">";
  const std::size_t from = page.find(open);
  ASSERT_NE(from, std::string::npos);
  const std::size_t begin = from + open.size();
  EXPECT_EQ(json::parse(page.substr(begin, page.find("</script>", begin) - begin)), report);
  EXPECT_NE(page.find("kind: value.standing"), std::string::npos);
  EXPECT_NE(page.find("(${value.missed} missed)"), std::string::npos);
}

// A method's values: the same for all but for its own offset and a little noise of its own.
ScoreRule rule_of(double centre, const std::string& name, double noise) {
  return [=](std::int64_t number, Modality, std::int64_t organ) -> std::optional<double> {
    RandomStream own(7, name, static_cast<std::uint64_t>(100 * number + organ));
    return centre + 0.001 * static_cast<double>(number) + noise * own.uniform();
  };
}

ScoreRule with_holes(ScoreRule rule) {
  return [rule](std::int64_t number, Modality modality, std::int64_t organ) {
    return organ == 5 && number < 4 ? std::nullopt : rule(number, modality, organ);
  };
}

json report_of(const std::map<std::string, ScoreRule>& rules, const std::string& metric) {
  const TemporaryFolder folder;
  for (const auto& [id, rule] : rules) write_synthetic_run(folder.path(), {id, 0, 12, rule});
  ReportInput input = read_runs(folder.path(), synthetic_tables());
  for (TableSpec& table : input.tables) table.metric = metric;
  for (ReportRun& run : input.runs) {
    for (Score& score : *run.scores) {
      if (score.metric != "dice") continue;
      score.metric = metric;
      if (metric != "dice" && score.value) *score.value *= 20;  // to millimetres
    }
  }
  return make_report(input, shipped_numbers(), {200, 1, 1});
}

void expect_formats_agree(const json& report) {
  expect_agreement(report);
  expect_verdicts(report);
  expect_page_carries(report);
}

TEST(FormatsAgree, OnMethodsThatDiffer) {
  expect_formats_agree(report_of({{"single", rule_of(0.3, "s", 0.2)},
                                  {"ablation_a", rule_of(0.5, "a", 0.2)},
                                  {"ablation_c", rule_of(0.6, "c", 0.2)}},
                                 "dice"));
}

TEST(FormatsAgree, OnAMetricInMillimetresWithMissedOrgans) {
  const json report = report_of({{"single", rule_of(0.5, "s", 0.2)},
                                 {"ablation_a", with_holes(rule_of(0.1, "a", 0.2))},
                                 {"ablation_c", rule_of(0.4, "c", 0.2)}},
                                "hd95");
  for (const json& value : report["tables"][0]["values"]) {
    if (value["entry"] == "ablation_a" && value["missed"] > 0) {
      EXPECT_EQ(value["standing"], "");
    }
  }
  expect_formats_agree(report);
}

TEST(FormatsAgree, OnIdenticalScoresAndDifferencesWithoutSpread) {
  const json report = report_of({{"single", rule_of(0.3, "s", 0)},
                                 {"ablation_a", rule_of(0.3, "s", 0)},
                                 {"ablation_c", rule_of(0.3, "s", 0)}},
                                "dice");
  EXPECT_EQ(report["tables"][0]["tests"]["results"][0]["verdict"], "identical");
  for (const json& pair : report["tables"][0]["rankings"][0]["pairs"])
    EXPECT_TRUE(pair["identical"].get<bool>());
  EXPECT_NE(render_markdown(report).find("Identical scores: "), std::string::npos);
  expect_formats_agree(report);
}

// The mean over all pairs and the mean over patients can order two methods differently: what a test calls
// worse is not bold. 22 of 24 patients have one organ, and `ablation_c` (the reference) is better on
// each of them; the others have all organs, on which it is far worse.
TEST(FormatsAgree, NothingIsBestThatATestCallsWorse) {
  const TemporaryFolder folder;
  for (const auto& [id, sign] :
       {std::pair{"single", 0.0}, std::pair{"ablation_a", 0.0}, std::pair{"ablation_c", 1.0}}) {
    SyntheticRun run{id, 0, 24, {}};
    const double lead = sign;
    run.is_in_reference = [](std::int64_t number, Modality, std::int64_t organ) {
      return organ == 6 || number > 22;
    };
    run.rule = [=](std::int64_t number, Modality, std::int64_t) -> std::optional<double> {
      return 0.5 + lead * (number > 22 ? -0.1 : 0.02 + 0.001 * static_cast<double>(number));
    };
    write_synthetic_run(folder.path(), run);
  }
  const json report =
      make_report(read_runs(folder.path(), synthetic_tables()), shipped_numbers(), {200, 1, 1});
  const json& table = report["tables"][0];
  int refuted = 0;
  for (const json& test : table["tests"]["results"]) {
    if (test["verdict"] != "better") continue;
    for (const json& value : table["values"]) {
      if (value["cell"] != test["cell"] || value["entry"] != test["entry"]) continue;
      EXPECT_NE(value["standing"], "best");
      ++refuted;
    }
  }
  EXPECT_GT(refuted, 0);
  expect_agreement(report);
}

}  // namespace
}  // namespace totum
