#pragma once
// What figures are drawn on: one drawing becomes SVG or PDF. Lengths are points (1/72 inch), y grows
// downwards.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace totum {

enum class FigureFormat : std::uint8_t { svg, pdf };

struct Ink {
  std::array<double, 3> rgb{0, 0, 0};  // 0..1, sRGB
  double opacity = 1;
};

enum class Align : std::uint8_t { left, centre, right };

struct TextStyle {
  double size = 7.5;
  Align align = Align::left;
  Ink ink{};
};

struct Point {
  double x = 0, y = 0;
};

/// A vector picture in the making. Text is UTF-8 in the system's sans serif font; it becomes outlines (SVG)
/// or an embedded font (PDF), so that the picture looks alike everywhere. Equal calls give equal bytes.
class Canvas {
 public:
  Canvas(FigureFormat format, double width, double height);
  ~Canvas();
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;

  void line(Point from, Point to, double width, const Ink& ink);
  void dashed_line(Point from, Point to, double width, const Ink& ink);
  void fill(const std::vector<Point>& polygon, const Ink& ink);
  void outline(const std::vector<Point>& polygon, double width, const Ink& ink);
  void disc(Point centre, double radius, const Ink& ink);
  void circle(Point centre, double radius, double width, const Ink& ink);
  /// `at` is on the baseline, at the left end, the middle or the right end.
  void text(Point at, const std::string& text, const TextStyle& style);
  [[nodiscard]] double text_width(const std::string& text, double size) const;
  /// The file's bytes; nothing can be drawn afterwards. Throws RunError if drawing failed.
  std::string finish();

 private:
  struct Surface;
  std::unique_ptr<Surface> surface_;
};

}  // namespace totum
