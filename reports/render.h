#pragma once
// From report.json to what people read: Markdown, LaTeX (booktabs), CSV. Nothing but the JSON is used.

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace totum {

std::string render_markdown(const nlohmann::json& report);
/// One page that needs no network: tables that sort, and figures that the plotting library in it draws from
/// the report, which stands in it too. Text from the report can't become markup.
std::string render_html(const nlohmann::json& report);
/// One table as a LaTeX fragment (needs the package booktabs).
std::string render_latex_table(const nlohmann::json& report, const nlohmann::json& table);
/// A document that compiles with pdflatex and holds all tables, tests and runs.
std::string render_latex_document(const nlohmann::json& report);

/// Figures for papers by path: figures/<table>_<what>_<cell>.svg and .pdf, vectors, as wide as LNCS's text.
std::map<std::string, std::string> render_figures(const nlohmann::json& report);

// Long-form CSV with full precision, one row for each …
std::string render_csv_values(const nlohmann::json& report, const nlohmann::json& table);  // (cell, entry)
std::string render_csv_tests(const nlohmann::json& report, const nlohmann::json& table);   // test
std::string render_csv_rankings(const nlohmann::json& report,
                                const nlohmann::json& table);  // (cell, scheme, entry)
std::string render_csv_organs(const nlohmann::json& report,
                              const nlohmann::json& table);             // (organ, modality, entry)
std::string render_csv_ledger(const nlohmann::json& report);            // entry: what it cost
std::string render_csv_hyper_parameters(const nlohmann::json& report);  // (entry, option), with its origin

/// The shown cells of a table on a terminal, percents.
std::string render_text_table(const nlohmann::json& table);

/// All files of a report but report.json itself, by path. `files` of the report counts for nothing.
std::map<std::string, std::string> rendered_files(nlohmann::json report);

/// Writes report.json, report.html, report.md, report.tex, tables/<name>.tex, the CSV files (the ledger's
/// two only if there is one) and figures/ into `folder`. All files are written into a temporary folder there
/// first, then renamed one by one, report.json last. It holds the SHA-256 of the others under "files", so
/// that writing that was cut short between two renames is found by `totum verify`; writing again mends it.
/// Files of an earlier report that the new one lacks are removed. Adds times.created_at.
void write_report(const std::filesystem::path& folder, nlohmann::json report);

}  // namespace totum
