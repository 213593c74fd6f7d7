#include "reports/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libfccp/csv.h>

#include <cstdlib>
#include <sstream>

#include "core/files.h"
#include "reports/report.h"
#include "tests/core/temporary_folder.h"
#include "tests/reports/synthetic_runs.h"

namespace totum {
namespace {

using nlohmann::json;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr const char* kSize = "smoke, phantom: not a result about patients";

json synthetic_report() {
  const TemporaryFolder folder;
  write_synthetic_grid(folder.path());
  return make_report(read_runs(folder.path(), synthetic_tables()), shipped_numbers(), {500, 1, 2});
}

// A report whose texts hold every sign that means something to Markdown, LaTeX or CSV.
json awkward_report() {
  json report = synthetic_report();
  for (json& table : report["tables"]) {
    table["title"] = "50 % & \"more\", _under_ #1 {x} ~^\\ <b> | $y$ ± – é 肝";
    table["entries"][0]["label"] = "a|b, \"c\" _d_ 100%";
  }
  report["failures"].push_back(
      {{"id", "x"}, {"folder", "x/seed-0"}, {"reason", "first line\nsecond $ line & more"}});
  return report;
}

bool has_program(const std::string& name) {
  return std::system(("command -v " + name + " >/dev/null 2>&1").c_str()) == 0;
}

void expect_compiles(const json& report) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "report.tex", render_latex_document(report));
  const std::string command = "cd " + folder.path().string() +
                              " && pdflatex -interaction=nonstopmode -halt-on-error report.tex >out.txt 2>&1";
  ASSERT_EQ(std::system(command.c_str()), 0) << read_file(folder.path() / "out.txt");
  EXPECT_THAT(read_file(folder.path() / "out.txt"), testing::Not(HasSubstr("Undefined")));
  EXPECT_TRUE(fs::exists(folder.path() / "report.pdf"));
}

TEST(Render, EveryPageNamesItsSize) {
  const json report = synthetic_report();
  EXPECT_THAT(render_markdown(report), HasSubstr(kSize));
  EXPECT_THAT(render_latex_document(report), HasSubstr(kSize));
  for (const json& table : report["tables"]) {
    EXPECT_THAT(render_latex_table(report, table), HasSubstr(kSize));
    for (const std::string& csv : {render_csv_values(report, table), render_csv_tests(report, table),
                                   render_csv_organs(report, table)}) {
      std::istringstream lines(csv);
      std::string line;
      std::getline(lines, line);
      while (std::getline(lines, line)) EXPECT_THAT(line, HasSubstr(kSize));
    }
  }
}

TEST(Render, MarkdownShowsOurNumbersBesideThePapers) {
  json report = synthetic_report();
  for (json& value : report["tables"][0]["values"]) {
    if (value["cell"] != "ct_ct" || value["entry"] != "single") continue;
    value["mean"] = 0.41234;
    value["sd"] = 0.05678;
  }
  EXPECT_THAT(render_markdown(report), HasSubstr("| Single | 1 | 41.2 ± 5.7 | 78.8 ± 17.5 |"));
}

TEST(Render, MarksTheBestAndTheSignificant) {
  json report = synthetic_report();
  for (json& test : report["tables"][0]["tests"]["results"]) {
    if (test["cell"] == "ct_ct" && test["entry"] == "single") test["verdict"] = "better";
  }
  EXPECT_THAT(render_latex_table(report, report["tables"][0]),
              testing::ContainsRegex("Single & \\$[0-9.]+\\^\\{\\*\\}"));
  EXPECT_THAT(render_latex_table(report, report["tables"][0]), testing::ContainsRegex("APRN & \\$.mathbf"));
  EXPECT_THAT(render_text_table(report["tables"][0]), testing::ContainsRegex("Single +[0-9.]+ ± [0-9.]+\\*"));
}

// The two means of a cell are never left to be guessed: each is named, and shown beside the other.
TEST(Render, SaysWhichMeanIsWhich) {
  json report = synthetic_report();
  for (json& value : report["tables"][0]["values"]) {
    if (value["entry"] == "single") value["mean_over_organs"] = 0.12345;
  }
  const std::string text = render_markdown(report);
  EXPECT_THAT(text, HasSubstr("bold: highest pooled mean"));
  EXPECT_THAT(text, HasSubstr("totum's primary estimator and the one that the rankings below go by"));
  EXPECT_THAT(text, HasSubstr("| Single | 12.3 | 12.3 | 12.3 | 12.3 |"));
  EXPECT_THAT(render_latex_table(report, report["tables"][0]),
              HasSubstr("rankings go by the mean over organs instead"));
}

// A mark for most patients without the mean, and one where the printed mean and the test point to different
// methods.
TEST(Render, MarksAVerdictThatThePrintedMeanDoesNotShare) {
  json report = synthetic_report();
  json& table = report["tables"][0];
  for (json& test : table["tests"]["results"]) {
    if (test["cell"] != "ct_ct" || test["entry"] != "single") continue;
    test["verdict"] = "worse in most patients, not in the mean";
    test["contradicted_by"] = {"pooled mean"};
  }
  EXPECT_THAT(render_markdown(report), testing::ContainsRegex("Single \\| 1 \\| [0-9.]+ ± [0-9.]+‡§ "));
  EXPECT_THAT(render_text_table(table), testing::ContainsRegex("Single +[0-9.]+ ± [0-9.]+‡§"));
  EXPECT_THAT(render_latex_table(report, table), HasSubstr("^{\\ddagger\\S}"));
  EXPECT_THAT(render_csv_values(report, table), HasSubstr("‡§"));
  EXPECT_THAT(render_csv_values(report, table), HasSubstr(",pooled_mean,"));
}

TEST(Render, AMissingIntervalIsNoNumber) {
  json report = synthetic_report();
  json& table = report["tables"][0];
  for (json& value : table["values"]) {
    for (const char* key :
         {"ci95", "ci95_over_organs", "bca95", "bca95_over_organs", "t95", "t95_over_organs", "sd"})
      value[key] = nullptr;
  }
  for (json& test : table["tests"]["results"]) {
    for (const char* key : {"ci95", "bca95", "t95", "hodges_lehmann_interval", "hodges_lehmann_confidence"})
      test[key] = nullptr;
  }
  EXPECT_THAT(render_markdown(report), HasSubstr("(–)"));
  EXPECT_THAT(render_latex_document(report), HasSubstr("$ (--) & $"));
  EXPECT_THAT(render_text_table(table), testing::Not(HasSubstr("±  ")));
  EXPECT_THAT(render_csv_values(report, table), testing::Not(HasSubstr("null")));
  EXPECT_THAT(render_csv_tests(report, table), testing::Not(HasSubstr("null")));
}

TEST(Render, MarkdownTablesHaveEqualColumns) {
  std::istringstream lines(render_markdown(awkward_report()));
  std::string line;
  std::ptrdiff_t columns = 0;
  while (std::getline(lines, line)) {
    std::ptrdiff_t bars = 0;
    for (std::size_t i = 0; i < line.size(); ++i)
      bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\') ? 1 : 0;
    if (!line.starts_with("|")) {
      columns = 0;
    } else if (columns == 0) {
      columns = bars;
    } else {
      EXPECT_EQ(bars, columns) << line;
    }
  }
}

TEST(Render, CsvKeepsEveryDigitAndQuotesWhatItMust) {
  const TemporaryFolder folder;
  const json report = awkward_report();
  const json& table = report["tables"][0];
  const fs::path path = folder.path() / "t.csv";
  write_file_atomically(path, render_csv_values(report, table));
  io::CSVReader<4, io::trim_chars<' '>, io::double_quote_escape<',', '"'>> csv(path.string());
  csv.read_header(io::ignore_extra_column, "cell", "entry", "label", "pooled_mean");
  std::string cell, entry, label, mean;
  std::size_t rows = 0;
  while (csv.read_row(cell, entry, label, mean)) {
    for (const json& value : table["values"]) {
      if (value["cell"] == cell && value["entry"] == entry) {
        EXPECT_EQ(std::stod(mean), value["mean"].get<double>());
      }
    }
    if (entry == "single") {
      EXPECT_EQ(label, "a|b, \"c\" _d_ 100%");
    }
    ++rows;
  }
  EXPECT_EQ(rows, 12U);
}

TEST(Render, LatexCompiles) {
  if (!has_program("pdflatex"))
    GTEST_SKIP() << "pdflatex is not installed (Debian: texlive-latex-recommended)";
  expect_compiles(synthetic_report());
  expect_compiles(awkward_report());
}

}  // namespace
}  // namespace totum
