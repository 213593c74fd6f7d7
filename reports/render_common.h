#pragma once
// What the renderers share: looking up values in report.json and writing percents. Internal to reports/.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace totum::render {

/// Cells that a table shows.
std::vector<nlohmann::json> shown_cells(const nlohmann::json& table);
/// The value of a cell and an entry; null if there is none.
nlohmann::json value_of(const nlohmann::json& table, const std::string& cell, const std::string& entry);
/// The test of a cell and an entry against the reference; null if there is none.
nlohmann::json test_of(const nlohmann::json& table, const std::string& cell, const std::string& entry);
/// The label of a cell ("cells") or an entry ("entries") by its id.
std::string label_of(const nlohmann::json& table, const char* list, const std::string& id);
/// The entry with this id ("entries").
nlohmann::json entry_of(const nlohmann::json& table, const std::string& id);
/// Does something have to be said of the entry, so that its row carries a dagger?
bool is_marked(const nlohmann::json& entry);
/// What the daggers of a table mean, one sentence for each marked row, without the dagger.
std::vector<std::string> footnotes(const nlohmann::json& table);
/// "1 patient", "2 patients".
std::string counted(std::int64_t count, const std::string& noun);
/// "58.3": a fraction as percent with one decimal.
std::string percent(double fraction);
/// The same for a value of the table's metric: percent of a fraction, else its own unit with two decimals.
std::string percent(const nlohmann::json& table, double value);
std::string interval_text(const nlohmann::json& table, const nlohmann::json& interval);
std::string mean_and_sd(const nlohmann::json& table, const nlohmann::json& value);
/// "Dice in percent", "HD95 in mm", and what a difference of it is counted in: "Dice points", "mm of HD95".
std::string metric_with_unit(const nlohmann::json& table);
std::string points(const nlohmann::json& table);
/// "mean over patients": what the tests of a table are about.
std::string tested_mean(const nlohmann::json& table);
/// "highest" or "lowest", whichever is better.
std::string best_is(const nlohmann::json& table);
/// "56.0 to 60.1"; "–" if there is none, since there are fewer than two patients.
std::string interval_text(const nlohmann::json& interval);
/// "58.3 ± 4.1"; the mean alone where a single value has no deviation.
std::string mean_and_sd(const nlohmann::json& value);
/// " (2 missed)" where organs of the reference have no value; else empty.
std::string missed_text(const nlohmann::json& value);
/// Has the value a mean, or is it a hole?
bool has_mean(const nlohmann::json& value);
/// Is the entry the best of the cell? See add_standings() for what that takes.
bool is_best(const nlohmann::json& table, const std::string& cell, const std::string& entry);
/// Is the entry significantly different from the reference in this cell?
bool is_significant(const nlohmann::json& table, const std::string& cell, const std::string& entry);
/// What stands behind a printed mean ("pooled mean", "mean over organs"): "*" for significant, "‡" where only
/// most patients are better, "§" where this mean and the tested one, or the verdict, point to different
/// methods.
std::string test_marks(const nlohmann::json& table, const std::string& cell, const std::string& entry,
                       const std::string& mean);
/// "better", "identical scores on 12 cases"; with its reason where there is one.
std::string verdict_text(const nlohmann::json& test);
/// "Holm", "Hochberg" or "Benjamini-Hochberg".
std::string correction_name(const nlohmann::json& table);
/// "ours above", "inside our 95 % interval", "not comparable: phantom data"; empty without a published value.
std::string paper_verdict(const nlohmann::json& value);

}  // namespace totum::render
