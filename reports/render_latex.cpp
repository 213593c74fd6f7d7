#include <fmt/format.h>

#include "reports/render.h"
#include "reports/render_common.h"
#include "reports/sentence.h"

namespace totum {

namespace {

using nlohmann::json;
using namespace render;

std::string escaped_ascii(char c) {
  switch (c) {
    case '&':
    case '%':
    case '$':
    case '#':
    case '_':
    case '{':
    case '}':
      return std::string("\\") + c;
    case '~':
      return "\\textasciitilde{}";
    case '^':
      return "\\textasciicircum{}";
    case '\\':
      return "\\textbackslash{}";
    case '<':
      return "\\textless{}";
    case '>':
      return "\\textgreater{}";
    case '|':
      return "\\textbar{}";
    case '"':
      return "\\textquotedbl{}";
    case '\n':
    case '\r':
      return " ";
    default:
      return std::string(1, c);
  }
}

// Number of bytes of the UTF-8 character that begins with this byte.
std::size_t utf8_length(unsigned char lead) {
  return lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
}

// pdfTeX knows the letters of Latin-1 (U+00C0 to U+00FF) and a few signs; any other sign becomes "?".
std::string escaped_wide(const std::string& sign) {
  if (sign == "–") return "--";
  if (sign == "—") return "---";
  if (sign == "±") return "\\ensuremath{\\pm}";
  if (sign == "×" || sign == "÷") return sign == "×" ? "\\ensuremath{\\times}" : "\\ensuremath{\\div}";
  if (sign == "§") return "\\S{}";
  if (sign == "‡") return "\\ensuremath{\\ddagger}";
  if (sign == "…") return "\\dots{}";
  const bool is_latin_letter = sign.size() == 2 && static_cast<unsigned char>(sign[0]) == 0xC3;
  return is_latin_letter ? sign : "?";
}

std::string escaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = std::min(utf8_length(static_cast<unsigned char>(text[i])), text.size() - i);
    const bool is_ascii = static_cast<unsigned char>(text[i]) < 0x80;
    out += is_ascii ? escaped_ascii(text[i]) : escaped_wide(text.substr(i, length));
    i += length;
  }
  return out;
}

// "^{*}", "^{*\S}"; empty without a mark
std::string marks(const json& table, const std::string& cell, const std::string& entry) {
  std::string text;
  const std::string plain = test_marks(table, cell, entry, "pooled mean");
  if (plain.find('*') != std::string::npos) text += "*";
  if (plain.find("‡") != std::string::npos) text += "\\ddagger";
  if (plain.find("§") != std::string::npos) text += "\\S";
  return text.empty() ? "" : "^{" + text + "}";
}

std::string cell_text(const json& table, const std::string& cell, const std::string& entry) {
  const json value = value_of(table, cell, entry);
  std::string text = "--" + missed_text(value);
  if (has_mean(value)) {
    std::string number = percent(table, value.at("mean"));
    if (is_best(table, cell, entry)) number = "\\mathbf{" + number + "}";
    const json& sd = value.at("sd");
    text = fmt::format("${}{}{}$", number, marks(table, cell, entry),
                       sd.is_null() ? "" : " \\pm " + percent(table, sd)) +
           missed_text(value);
  }
  if (!value.is_null() && value.contains("paper") && value.at("paper").contains("mean")) {
    text += fmt::format(" [{}]", percent(value.at("paper").at("mean")));
  }
  return text;
}

std::string caption(const json& report, const json& table) {
  const json& tests = table.at("tests");
  const bool has_paper = table.at("paper_table") != 0;
  std::string remarks;
  for (const std::string& note : footnotes(table)) remarks += " $^\\dagger$ " + escaped(note);
  return fmt::format(
      "{}. {}, pooled mean $\\pm$ standard deviation over all (case, organ) pairs, as in the paper; "
      "bold: {} of these means where nothing was missed and no test of the cell calls it worse (rankings go "
      "by "
      "the mean over organs instead); $^*$: significantly "
      "different from {} in the {} ({}, {}-adjusted, level {:g}); $^\\ddagger$: in most patients, not in the "
      "mean; "
      "$^\\S$: pooled mean and test point to different methods{}. {}.{}",
      escaped(table.at("title")), metric_with_unit(table), best_is(table),
      escaped(label_of(table, "entries", tests.at("reference"))), tested_mean(table),
      tests.at("test").get<std::string>(), correction_name(table), tests.at("alpha").get<double>(),
      has_paper ? "; in brackets the paper's mean" : "", escaped(report.at("size")), remarks);
}

// A table of the tests, for the document.
std::string test_table(const json& report, const json& table) {
  const json& tests = table.at("tests");
  if (tests.at("results").empty()) return "";
  std::string text =
      "\\begin{table}[htbp]\n\\centering\n\\small\n\\begin{tabular}{llrrrrl}\n\\toprule\nCell & Against & "
      "Pairs & "
      "Difference (95\\,\\% CI) & $p$ & adjusted $p$ & Verdict \\\\\n\\midrule\n";
  for (const json& test : tests.at("results")) {
    const json& ci = test.at("ci95");
    const std::string interval =
        ci.is_null() ? "--" : fmt::format("${}$ to ${}$", percent(table, ci[0]), percent(table, ci[1]));
    text += fmt::format("{} & {} & {} & ${}$ ({}) & ${}$ & ${}$ & {} \\\\\n",
                        escaped(label_of(table, "cells", test.at("cell"))),
                        escaped(label_of(table, "entries", test.at("entry"))), test.at("pairs").dump(),
                        percent(table, test.at("mean_difference")), interval, p_text(test.at("p")),
                        p_text(test.at("p_adjusted")), escaped(verdict_text(test)));
  }
  return text + fmt::format(
                    "\\bottomrule\n\\end{{tabular}}\n\\caption{{Tests of {}: {} against the others, "
                    "difference of the {} in {}; {}; "
                    "{}. {}.}}\n\\end{{table}}\n",
                    escaped(table.at("name")), escaped(label_of(table, "entries", tests.at("reference"))),
                    tested_mean(table), points(table), escaped(tests.at("pairs_note")),
                    escaped(tests.at("family")), escaped(report.at("size")));
}

std::string itemised(const std::vector<std::string>& items) {
  if (items.empty()) return "";
  std::string text = "\\begin{itemize}\n";
  for (const std::string& item : items) text += "\\item " + escaped(item) + "\n";
  return text + "\\end{itemize}\n";
}

}  // namespace

std::string render_latex_table(const json& report, const json& table) {
  const auto cells = shown_cells(table);
  std::string text =
      fmt::format("% {}\n\\begin{{table}}[htbp]\n\\centering\n\\begin{{tabular}}{{l{}}}\n\\toprule\nMethod",
                  escaped(report.at("size")), std::string(cells.size(), 'c'));
  for (const json& cell : cells) text += " & " + escaped(cell.at("label"));
  text += " \\\\\n\\midrule\n";
  for (const json& entry : table.at("entries")) {
    text += escaped(entry.at("label")) + (is_marked(entry) ? "$^\\dagger$" : "");
    for (const json& cell : cells) text += " & " + cell_text(table, cell.at("id"), entry.at("id"));
    text += " \\\\\n";
  }
  return text + fmt::format("\\bottomrule\n\\end{{tabular}}\n\\caption{{{}}}\n\\end{{table}}\n",
                            caption(report, table));
}

std::string render_latex_document(const json& report) {
  // The size stands at the top of every page.
  std::string text = fmt::format(
      "\\documentclass[a4paper]{{article}}\n\\usepackage[T1]{{fontenc}}\n\\usepackage[utf8]{{inputenc}}\n"
      "\\usepackage{{textcomp}}\n\\usepackage{{booktabs}}\n\\usepackage[margin=2cm,headheight=15pt]{{"
      "geometry}}\n"
      "\\pagestyle{{myheadings}}\n\\markright{{{0}}}\n\\begin{{document}}\n\\thispagestyle{{myheadings}}\n"
      "\\section*{{{1}}}\n\\textbf{{{0}}}\n\n",
      escaped(report.at("size")), escaped(report.at("title")));
  std::vector<std::string> remarks;
  for (const json& caveat : report.at("caveats")) remarks.push_back(caveat);
  for (const json& failure : report.at("failures")) {
    remarks.push_back(fmt::format("Missing: {}: {}", failure.at("folder").get<std::string>(),
                                  failure.at("reason").get<std::string>()));
  }
  for (const json& warning : report.at("warnings"))
    remarks.push_back(fmt::format("Warning: {}", warning.at("text").get<std::string>()));
  text += itemised(remarks);
  for (const json& table : report.at("tables")) {
    text += fmt::format("\n{}\n{}", render_latex_table(report, table), test_table(report, table));
    std::vector<std::string> sentences;
    for (const json& test : table.at("tests").at("results")) sentences.push_back(test.at("sentence"));
    text += fmt::format("\n\\subsection*{{{}}}\n", escaped(table.at("name"))) + itemised(sentences);
  }
  return text + "\\end{document}\n";
}

}  // namespace totum
