#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>

#include "reports/figure.h"

namespace totum::figure {

namespace {

constexpr double kSize = 7.5;

}  // namespace

Ink palette(std::size_t number) {
  constexpr std::array<std::array<int, 3>, 7> kColours{{{0x00, 0x72, 0xb2},
                                                        {0xd5, 0x5e, 0x00},
                                                        {0x00, 0x9e, 0x73},
                                                        {0xcc, 0x79, 0xa7},
                                                        {0xe6, 0x9f, 0x00},
                                                        {0x56, 0xb4, 0xe9},
                                                        {0x80, 0x80, 0x80}}};
  const auto& colour = kColours[number % kColours.size()];
  return {{colour[0] / 255.0, colour[1] / 255.0, colour[2] / 255.0}, 1};
}

std::vector<double> ticks(double low, double high, double smallest_step) {
  constexpr double kMost = 8;
  const double power = std::pow(10, std::floor(std::log10((high - low) / kMost)));
  double step = power;
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    step = factor * power;
    if ((high - low) / step < kMost && step >= smallest_step) break;
  }
  std::vector<double> found;
  constexpr double kSlack = 1e-9;
  for (double k = std::ceil(low / step - kSlack); k * step <= high + kSlack * step; ++k)
    found.push_back(k * step);
  return found;
}

std::string tick_text(double value) {
  std::string text = fmt::format("{:.6g}", std::abs(value) < 1e-12 ? 0.0 : value);
  if (text.starts_with('-')) text.replace(0, 1, "−");
  return text;
}

void draw_axis(Canvas& canvas, const Axis& axis) {
  for (const double tick : ticks(axis.scale.low, axis.scale.high, axis.smallest_step)) {
    const double x = axis.scale(tick);
    canvas.line({x, axis.top}, {x, axis.bottom}, 0.4, kGrid);
    canvas.line({x, axis.bottom}, {x, axis.bottom + 2.5}, 0.6, kText);
    canvas.text({x, axis.bottom + 10}, tick_text(tick), {kSize, Align::centre, kText});
  }
  canvas.line({axis.scale.left, axis.bottom}, {axis.scale.right, axis.bottom}, 0.6, kText);
  canvas.text({(axis.scale.left + axis.scale.right) / 2, axis.bottom + 20}, axis.name,
              {kSize, Align::centre, kText});
}

double widest(const Canvas& canvas, const std::vector<std::string>& texts) {
  double width = 0;
  for (const std::string& text : texts) width = std::max(width, canvas.text_width(text, kSize));
  return width;
}

std::vector<std::string> note_lines(const std::vector<std::string>& texts) {
  constexpr std::size_t kMostLetters = 104;
  std::vector<std::string> lines;
  for (const std::string& text : texts) {
    lines.emplace_back();
    std::istringstream words(text);
    for (std::string word; words >> word;) {
      if (!lines.back().empty() && lines.back().size() + 1 + word.size() > kMostLetters) lines.emplace_back();
      lines.back() += (lines.back().empty() ? "" : " ") + word;
    }
  }
  return lines;
}

void draw_notes(Canvas& canvas, double height, const std::vector<std::string>& notes) {
  double baseline = height - 3 - kNoteHeight * static_cast<double>(notes.size() - 1);
  for (const std::string& note : notes) {
    constexpr double kNoteSize = 6;
    const double fit = std::min(1.0, (kWidth - 6) / std::max(1.0, canvas.text_width(note, kNoteSize)));
    canvas.text({3, baseline}, note, {kNoteSize * fit, Align::left, kSoft});
    baseline += kNoteHeight;
  }
}

}  // namespace totum::figure
