#pragma once
// Figures for papers. Internal to reports/; render.h has the call that makes them all.

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "reports/canvas.h"

namespace totum::figure {

/// One figure: its file's name without folder and ending, its size in points, and how to draw it.
struct Figure {
  std::string name;
  double height = 0;
  std::function<void(Canvas&)> draw;
};

inline constexpr double kWidth = 347;      // points: the text width of Springer's LNCS, 12.2 cm
inline constexpr double kRowHeight = 13;   // of a method
inline constexpr double kAxisHeight = 26;  // ticks, their numbers and the axis's name
inline constexpr double kNoteHeight = 10;  // of a line of notes below
inline constexpr Ink kText{{0.1, 0.1, 0.1}, 1};
inline constexpr Ink kSoft{{0.45, 0.45, 0.45}, 1};
inline constexpr Ink kGrid{{0.85, 0.85, 0.85}, 1};

/// Okabe and Ito's palette, safe for the colour-blind; number seven is the first again.
Ink palette(std::size_t number);

/// A linear scale from values to points.
struct Scale {
  double low = 0, high = 1;    // values
  double left = 0, right = 1;  // points
  [[nodiscard]] double operator()(double value) const {
    return left + (value - low) / (high - low) * (right - left);
  }
};

/// Round numbers within [low, high], at most eight, no closer than `smallest_step`.
std::vector<double> ticks(double low, double high, double smallest_step = 0);
/// A number as short as its tick allows: "0", "12.5", "−3" (with a minus sign).
std::string tick_text(double value);

/// A horizontal axis at the bottom of rows that begin at `top`, with grid lines over the rows.
struct Axis {
  Scale scale;
  double top = 0, bottom = 0;
  std::string name;
  double smallest_step = 0;  // of the ticks
};
void draw_axis(Canvas& canvas, const Axis& axis);
/// The widest of the texts, in points, at the size of row labels.
double widest(const Canvas& canvas, const std::vector<std::string>& texts);
/// Texts broken between words into lines that fit the width of a figure at the size of notes.
std::vector<std::string> note_lines(const std::vector<std::string>& texts);
/// Lines of notes below everything, soft and small, the last at the bottom of the figure.
void draw_notes(Canvas& canvas, double height, const std::vector<std::string>& notes);

/// Figures of one table, for each of its cells that the report has patients for.
std::vector<Figure> patient_figures(const nlohmann::json& report, const nlohmann::json& table);
std::vector<Figure> difference_figures(const nlohmann::json& report, const nlohmann::json& table);
/// For each cell with a ranking of two or more entries.
std::vector<Figure> critical_difference_figures(const nlohmann::json& report, const nlohmann::json& table);
std::vector<Figure> rank_figures(const nlohmann::json& report, const nlohmann::json& table);

}  // namespace totum::figure
