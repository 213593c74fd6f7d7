#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "evaluation/metric.h"
#include "reports/figure.h"
#include "reports/render_common.h"

namespace totum::figure {

namespace {

using nlohmann::json;
using ByCase = std::map<std::string, double>;

// One row of a strip plot: values of the patients and, where it is known, the mean with its interval.
struct Row {
  std::string label;
  std::size_t colour = 0;
  std::vector<double> values;
  std::optional<double> mean, low, high;
};

struct StripPlot {
  std::string name;  // of the file
  std::string axis;
  std::vector<Row> rows;
  std::vector<std::string> notes;
  bool has_zero = false;  // a line at zero
};

double scale_of(const json& table) { return is_fraction(table.at("metric").get<std::string>()) ? 100 : 1; }

ByCase values_of(const json& table, const std::string& cell, const std::string& entry) {
  ByCase values;
  for (const json& patients : table.at("patients")) {
    if (patients.at("cell") != cell || patients.at("entry") != entry) continue;
    for (const json& value : patients.at("values"))
      values[value.at("case")] = value.at("value").get<double>();
  }
  return values;
}

// Linear between the order statistics, as R's type 7.
double quantile(const std::vector<double>& sorted, double fraction) {
  const double at = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(at));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

void draw_box(Canvas& canvas, const Row& row, const Scale& scale, double y) {
  std::vector<double> sorted = row.values;
  std::sort(sorted.begin(), sorted.end());
  const double q1 = quantile(sorted, 0.25);
  const double q3 = quantile(sorted, 0.75);
  constexpr double kWhisker = 1.5;
  const auto low =
      std::find_if(sorted.begin(), sorted.end(), [&](double v) { return v >= q1 - kWhisker * (q3 - q1); });
  const auto high =
      std::find_if(sorted.rbegin(), sorted.rend(), [&](double v) { return v <= q3 + kWhisker * (q3 - q1); });
  constexpr double kHalf = 3.6;
  const Ink ink = palette(row.colour);
  canvas.line({scale(*low), y}, {scale(q1), y}, 0.7, ink);
  canvas.line({scale(q3), y}, {scale(*high), y}, 0.7, ink);
  const std::vector<Point> box{
      {scale(q1), y - kHalf}, {scale(q3), y - kHalf}, {scale(q3), y + kHalf}, {scale(q1), y + kHalf}};
  canvas.fill(box, {ink.rgb, 0.18});
  canvas.outline(box, 0.7, ink);
  const double median = scale(quantile(sorted, 0.5));
  canvas.line({median, y - kHalf}, {median, y + kHalf}, 1.4, ink);
}

// Points spread by the golden ratio, so that neighbours lie apart and the figure is always the same.
void draw_points(Canvas& canvas, const Row& row, const Scale& scale, double y) {
  constexpr double kGolden = 0.6180339887498949;
  for (std::size_t i = 0; i < row.values.size(); ++i) {
    const double spread = std::fmod(kGolden * static_cast<double>(i + 1), 1.0) - 0.5;
    canvas.disc({scale(row.values[i]), y + 6.5 * spread}, 1.1, {palette(row.colour).rgb, 0.55});
  }
}

void draw_mean(Canvas& canvas, const Row& row, const Scale& scale, double y) {
  if (!row.mean) return;
  if (row.low && row.high) canvas.line({scale(*row.low), y}, {scale(*row.high), y}, 1.6, kText);
  const double x = scale(*row.mean);
  constexpr double kHalf = 2.6;
  const std::vector<Point> diamond{{x - kHalf, y}, {x, y - kHalf}, {x + kHalf, y}, {x, y + kHalf}};
  canvas.fill(diamond, {{1, 1, 1}, 1});
  canvas.outline(diamond, 0.8, kText);
}

Scale scale_over(const StripPlot& plot, double left) {
  double low = plot.has_zero ? 0 : plot.rows.front().values.front();
  double high = low;
  for (const Row& row : plot.rows) {
    for (const double value : row.values) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  const double margin = high > low ? 0.03 * (high - low) : 1;
  return {low - margin, high + margin, left, kWidth - 6};
}

void draw(Canvas& canvas, const StripPlot& plot, double height) {
  std::vector<std::string> labels;
  for (const Row& row : plot.rows) labels.push_back(row.label);
  const double left = 3 + widest(canvas, labels) + 7;
  const Scale scale = scale_over(plot, left);
  constexpr double kTop = 4;
  const double bottom = kTop + kRowHeight * static_cast<double>(plot.rows.size());
  draw_axis(canvas, {scale, kTop, bottom, plot.axis});
  if (plot.has_zero) canvas.line({scale(0), kTop}, {scale(0), bottom}, 0.8, kText);
  double y = kTop + kRowHeight / 2;
  for (const Row& row : plot.rows) {
    canvas.text({left - 5, y + 2.6}, row.label, {7.5, Align::right, kText});
    draw_box(canvas, row, scale, y);
    draw_points(canvas, row, scale, y);
    draw_mean(canvas, row, scale, y);
    y += kRowHeight;
  }
  draw_notes(canvas, height, plot.notes);
}

Figure figure_of(const StripPlot& plot) {
  const double height = 4 + kRowHeight * static_cast<double>(plot.rows.size()) + kAxisHeight +
                        kNoteHeight * static_cast<double>(plot.notes.size());
  return {plot.name, height, [plot, height](Canvas& canvas) { draw(canvas, plot, height); }};
}

std::optional<double> scaled(const json& interval, std::size_t end, double scale) {
  return interval.is_null() ? std::nullopt : std::optional(scale * interval[end].get<double>());
}

std::vector<Row> patient_rows(const json& table, const std::string& cell) {
  std::vector<Row> rows;
  const double scale = scale_of(table);
  for (std::size_t i = 0; i < table.at("entries").size(); ++i) {
    const json& entry = table.at("entries")[i];
    Row row{entry.at("label"), i, {}, {}, {}, {}};
    double sum = 0;
    for (const auto& [case_id, value] : values_of(table, cell, entry.at("id"))) {
      row.values.push_back(scale * value);
      sum += scale * value;
    }
    if (row.values.empty()) continue;
    row.mean = sum / static_cast<double>(row.values.size());
    rows.push_back(row);
  }
  return rows;
}

std::vector<Row> difference_rows(const json& table, const std::string& cell) {
  std::vector<Row> rows;
  const double scale = scale_of(table);
  const std::string reference = table.at("tests").at("reference");
  const ByCase ours = values_of(table, cell, reference);
  for (std::size_t i = 0; i < table.at("entries").size(); ++i) {
    const json& entry = table.at("entries")[i];
    if (entry.at("id") == reference) continue;
    Row row{entry.at("label"), i, {}, {}, {}, {}};
    for (const auto& [case_id, value] : values_of(table, cell, entry.at("id"))) {
      if (ours.contains(case_id)) row.values.push_back(scale * (ours.at(case_id) - value));
    }
    if (row.values.empty()) continue;
    const json test = render::test_of(table, cell, entry.at("id"));
    if (!test.is_null()) {
      row.mean = scale * test.at("mean_difference").get<double>();
      row.low = scaled(test.at("bca95"), 0, scale);
      row.high = scaled(test.at("bca95"), 1, scale);
    }
    rows.push_back(row);
  }
  return rows;
}

// The cells whose patients the report lists, each once.
std::vector<std::string> cells_of(const json& table) {
  std::vector<std::string> cells;
  for (const json& patients : table.at("patients")) {
    const std::string cell = patients.at("cell");
    if (std::find(cells.begin(), cells.end(), cell) == cells.end()) cells.push_back(cell);
  }
  return cells;
}

std::string file_name(const json& table, const char* what, const std::string& cell) {
  return fmt::format("{}_{}_{}", table.at("name").get<std::string>(), what, cell);
}

}  // namespace

std::vector<Figure> patient_figures(const json& report, const json& table) {
  std::vector<Figure> figures;
  for (const std::string& cell : cells_of(table)) {
    StripPlot plot{
        file_name(table, "patients", cell), render::metric_with_unit(table), patient_rows(table, cell), {}};
    if (plot.rows.empty()) continue;
    plot.notes = note_lines(
        {fmt::format("{}. Each point: a patient's mean over the organs of the cell. Box: quartiles; "
                     "whiskers: 1.5 interquartile ranges; diamond: mean.",
                     render::label_of(table, "cells", cell)),
         report.at("size")});
    figures.push_back(figure_of(plot));
  }
  return figures;
}

std::vector<Figure> difference_figures(const json& report, const json& table) {
  std::vector<Figure> figures;
  const std::string reference = render::label_of(table, "entries", table.at("tests").at("reference"));
  for (const std::string& cell : cells_of(table)) {
    StripPlot plot{file_name(table, "differences", cell), "", difference_rows(table, cell), {}, true};
    if (plot.rows.empty()) continue;
    const bool right = higher_is_better(table.at("metric").get<std::string>());
    plot.axis = fmt::format("{} minus each method, in {}", reference, render::points(table));
    plot.notes = note_lines(
        {fmt::format("{}. Each point: a patient. {} of zero: {} is better. Diamond and bar: mean difference "
                     "and its 95 % BCa interval.",
                     render::label_of(table, "cells", cell), right ? "Right" : "Left", reference),
         report.at("size")});
    figures.push_back(figure_of(plot));
  }
  return figures;
}

}  // namespace totum::figure
