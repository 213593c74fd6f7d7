#include "reports/canvas.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <fmt/format.h>

#include <numbers>
#include <regex>

#include "core/error.h"
#include "core/version.h"

namespace totum {

namespace {

cairo_status_t append(void* bytes, const unsigned char* data, unsigned int length) {
  static_cast<std::string*>(bytes)->append(reinterpret_cast<const char*>(data), length);
  return CAIRO_STATUS_SUCCESS;
}

// Cairo numbers the surfaces of a process in the identifiers of an SVG.
std::string without_surface_numbers(const std::string& svg) {
  return std::regex_replace(svg, std::regex("id=\"surface[0-9]+\""), "id=\"figure\"");
}

}  // namespace

struct Canvas::Surface {
  FigureFormat format = FigureFormat::svg;
  std::string bytes;
  cairo_surface_t* surface = nullptr;
  cairo_t* context = nullptr;

  Surface(FigureFormat wanted, double width, double height) : format(wanted) {
    surface = format == FigureFormat::svg
                  ? cairo_svg_surface_create_for_stream(append, &bytes, width, height)
                  : cairo_pdf_surface_create_for_stream(append, &bytes, width, height);
    if (format == FigureFormat::pdf) {
      cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATOR,
                                     fmt::format("totum {}", kVersion).c_str());
      cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE,
                                     "");  // equal figures, equal bytes
    } else {
      cairo_svg_surface_set_document_unit(surface, CAIRO_SVG_UNIT_PT);
    }
    context = cairo_create(surface);
    cairo_select_font_face(context, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_line_cap(context, CAIRO_LINE_CAP_BUTT);
  }
  ~Surface() {
    cairo_destroy(context);
    cairo_surface_destroy(surface);
  }
  Surface(const Surface&) = delete;
  Surface& operator=(const Surface&) = delete;

  void set(const Ink& ink) const {
    cairo_set_source_rgba(context, ink.rgb[0], ink.rgb[1], ink.rgb[2], ink.opacity);
  }
  void path(const std::vector<Point>& polygon) const {
    for (const Point& point : polygon) cairo_line_to(context, point.x, point.y);
    cairo_close_path(context);
  }
  void stroke(double width, const Ink& ink) const {
    set(ink);
    cairo_set_line_width(context, width);
    cairo_stroke(context);
  }
};

Canvas::Canvas(FigureFormat format, double width, double height)
    : surface_(std::make_unique<Surface>(format, width, height)) {}
Canvas::~Canvas() = default;

void Canvas::line(Point from, Point to, double width, const Ink& ink) {
  cairo_move_to(surface_->context, from.x, from.y);
  cairo_line_to(surface_->context, to.x, to.y);
  surface_->stroke(width, ink);
}

void Canvas::dashed_line(Point from, Point to, double width, const Ink& ink) {
  const std::array<double, 2> dashes{3, 2};
  cairo_set_dash(surface_->context, dashes.data(), static_cast<int>(dashes.size()), 0);
  line(from, to, width, ink);
  cairo_set_dash(surface_->context, nullptr, 0, 0);
}

void Canvas::fill(const std::vector<Point>& polygon, const Ink& ink) {
  surface_->path(polygon);
  surface_->set(ink);
  cairo_fill(surface_->context);
}

void Canvas::outline(const std::vector<Point>& polygon, double width, const Ink& ink) {
  surface_->path(polygon);
  surface_->stroke(width, ink);
}

void Canvas::disc(Point centre, double radius, const Ink& ink) {
  cairo_arc(surface_->context, centre.x, centre.y, radius, 0, 2 * std::numbers::pi);
  surface_->set(ink);
  cairo_fill(surface_->context);
}

void Canvas::circle(Point centre, double radius, double width, const Ink& ink) {
  cairo_new_sub_path(surface_->context);
  cairo_arc(surface_->context, centre.x, centre.y, radius, 0, 2 * std::numbers::pi);
  surface_->stroke(width, ink);
}

void Canvas::text(Point at, const std::string& text, const TextStyle& style) {
  const double width = text_width(text, style.size);
  const double left = style.align == Align::left     ? at.x
                      : style.align == Align::centre ? at.x - width / 2
                                                     : at.x - width;
  cairo_move_to(surface_->context, left, at.y);
  surface_->set(style.ink);
  cairo_show_text(surface_->context, text.c_str());
  cairo_new_path(surface_->context);
}

double Canvas::text_width(const std::string& text, double size) const {
  cairo_set_font_size(surface_->context, size);
  cairo_text_extents_t extents;
  cairo_text_extents(surface_->context, text.c_str(), &extents);
  return extents.x_advance;
}

std::string Canvas::finish() {
  const cairo_status_t drawn = cairo_status(surface_->context);
  cairo_surface_finish(surface_->surface);
  const cairo_status_t written = cairo_surface_status(surface_->surface);
  for (const cairo_status_t status : {drawn, written}) {
    if (status != CAIRO_STATUS_SUCCESS)
      throw RunError(fmt::format("a figure can't be drawn: {}", cairo_status_to_string(status)));
  }
  return surface_->format == FigureFormat::svg ? without_surface_numbers(surface_->bytes) : surface_->bytes;
}

}  // namespace totum
