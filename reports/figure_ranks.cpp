#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "reports/figure.h"
#include "reports/render_common.h"
#include "reports/sentence.h"

namespace totum::figure {

namespace {

using nlohmann::json;

constexpr double kSize = 7.5;

std::string id_of(const json& value) { return value.get<std::string>(); }

json places_of(const json& ranking, const std::string& scheme) {
  for (const json& item : ranking.at("schemes")) {
    if (item.at("scheme") == scheme) return item.at("places");
  }
  return json::array();
}

// The rankings of two or more entries.
std::vector<json> drawable(const json& table) {
  std::vector<json> rankings;
  for (const json& ranking : table.at("rankings")) {
    if (!ranking.contains("why") && places_of(ranking, "mean_rank").size() > 1) rankings.push_back(ranking);
  }
  return rankings;
}

// One entry of a critical-difference diagram.
struct Ranked {
  std::string label;
  double rank = 1;
};

// A bar over entries of which no two were shown to differ.
struct Bar {
  double from = 1, to = 1;
  std::size_t level = 0;  // bars that overlap lie below each other
};

struct CriticalDifference {
  std::vector<Ranked> entries;  // by mean rank
  std::vector<Bar> bars;
  std::size_t levels = 0;
  std::optional<double> difference;  // Nemenyi's, where it decides
  std::vector<std::string> notes;
};

void add_bars(CriticalDifference& diagram, const json& groups, const std::map<std::string, double>& ranks) {
  for (const json& group : groups) {
    if (group.size() < 2) continue;
    Bar bar{ranks.at(id_of(group.front())), ranks.at(id_of(group.back())), 0};
    const auto overlaps = [&](const Bar& other) {
      return other.level == bar.level && other.from <= bar.to && bar.from <= other.to;
    };
    while (std::any_of(diagram.bars.begin(), diagram.bars.end(), overlaps)) ++bar.level;
    diagram.levels = std::max(diagram.levels, bar.level + 1);
    diagram.bars.push_back(bar);
  }
}

std::string friedman_note(const json& friedman) {
  if (friedman.is_null()) return "no Friedman test of fewer than three methods or two patients";
  const json& f = friedman.at("iman_davenport_p");
  return fmt::format("Friedman test{}: p {}", f.is_null() ? "" : " (Iman and Davenport)",
                     p_with_sign(f.is_null() ? friedman.at("p") : f));
}

CriticalDifference diagram_of(const json& report, const json& table, const json& ranking) {
  CriticalDifference diagram;
  std::map<std::string, double> ranks;
  for (const json& place : places_of(ranking, "mean_rank")) {
    ranks[place.at("entry")] = place.at("value");
    diagram.entries.push_back({render::label_of(table, "entries", place.at("entry")), place.at("value")});
  }
  const std::string post_hoc = ranking.at("post_hoc");
  add_bars(diagram, ranking.at("groups").at(post_hoc), ranks);
  const bool is_nemenyi = post_hoc == "nemenyi";
  if (is_nemenyi) diagram.difference = ranking.at("critical_difference").get<double>();
  diagram.notes = note_lines(
      {fmt::format("{}: mean rank over {}, 1 is best. A bar joins methods of which no two were shown "
                   "to differ "
                   "({}, level {:g}).",
                   render::label_of(table, "cells", ranking.at("cell")),
                   render::counted(ranking.at("patients"), "patient"),
                   is_nemenyi ? "Nemenyi" : "pairwise Wilcoxon signed-rank, Holm",
                   table.at("tests").at("alpha").get<double>()),
       fmt::format("{}. {}", friedman_note(ranking.at("friedman")), id_of(report.at("size")))});
  return diagram;
}

constexpr double kBarGap = 5;

double top_of(const CriticalDifference& diagram) { return diagram.difference ? 32 : 18; }
double first_label_of(const CriticalDifference& diagram) {
  return top_of(diagram) + 12 + kBarGap * static_cast<double>(diagram.levels);
}
std::size_t left_half(const CriticalDifference& diagram) { return (diagram.entries.size() + 1) / 2; }

void draw_rank_axis(Canvas& canvas, const CriticalDifference& diagram, const Scale& scale) {
  const double y = top_of(diagram);
  canvas.line({scale.left, y}, {scale.right, y}, 0.7, kText);
  const double labelled = scale.high > 12 ? 2 : 1;  // every how many ranks
  for (double rank = 1; rank <= scale.high; ++rank) {
    canvas.line({scale(rank), y - 3.5}, {scale(rank), y}, 0.7, kText);
    if (std::fmod(rank - 1, labelled) != 0) continue;
    canvas.text({scale(rank), y - 6}, tick_text(rank), {kSize, Align::centre, kText});
  }
  if (!diagram.difference) return;
  const double end = scale(1 + *diagram.difference);
  constexpr double kAbove = 11;
  canvas.line({scale(1), kAbove}, {end, kAbove}, 1, kText);
  for (const double x : {scale(1), end}) canvas.line({x, kAbove - 2.5}, {x, kAbove + 2.5}, 1, kText);
  canvas.text({end + 4, kAbove + 2.5}, fmt::format("critical difference {:.2f}", *diagram.difference),
              {kSize, Align::left, kText});
}

// Labels of the better half stand on the left, the best on top; of the others on the right, the worst on top.
void draw_entries(Canvas& canvas, const CriticalDifference& diagram, const Scale& scale) {
  const double axis = top_of(diagram);
  const std::size_t half = left_half(diagram);
  for (std::size_t i = 0; i < diagram.entries.size(); ++i) {
    const Ranked& entry = diagram.entries[i];
    const bool is_left = i < half;
    const std::size_t row = is_left ? i : diagram.entries.size() - 1 - i;
    const double y = first_label_of(diagram) + kRowHeight * static_cast<double>(row);
    const double x = scale(entry.rank);
    const double edge = is_left ? scale.left - 6 : scale.right + 6;
    canvas.line({x, axis}, {x, y}, 0.6, kText);
    canvas.line({x, y}, {edge, y}, 0.6, kText);
    canvas.text({is_left ? edge - 3 : edge + 3, y + 2.6}, fmt::format("{} ({:.2f})", entry.label, entry.rank),
                {kSize, is_left ? Align::right : Align::left, kText});
  }
  for (const Bar& bar : diagram.bars) {
    const double y = axis + 5 + kBarGap * static_cast<double>(bar.level);
    canvas.line({scale(bar.from) - 2, y}, {scale(bar.to) + 2, y}, 2.4, palette(0));
  }
}

Figure figure_of(const std::string& name, const CriticalDifference& diagram) {
  const double height = first_label_of(diagram) + kRowHeight * static_cast<double>(left_half(diagram)) +
                        kNoteHeight * static_cast<double>(diagram.notes.size());
  return {name, height, [diagram, height](Canvas& canvas) {
            double width = 0;
            for (const Ranked& entry : diagram.entries)
              width = std::max(width, canvas.text_width(entry.label + " (00.00)", kSize));
            width = std::min(width + 14, kWidth / 2 - 30);
            const Scale scale{1, static_cast<double>(diagram.entries.size()), width, kWidth - width};
            draw_rank_axis(canvas, diagram, scale);
            draw_entries(canvas, diagram, scale);
            draw_notes(canvas, height, diagram.notes);
          }};
}

struct Scheme {
  const char* id;
  const char* name;
};
constexpr std::array<Scheme, 4> kSchemes{
    {{"mean", "mean"}, {"median", "median"}, {"mean_rank", "mean rank"}, {"tests", "significant wins"}}};

// Ranks of one entry under the four schemes.
struct RankRow {
  std::string label;
  std::array<json, 4> places;
};

std::vector<RankRow> rank_rows(const json& table, const json& ranking) {
  std::vector<RankRow> rows;
  for (const json& first : places_of(ranking, "mean")) {
    RankRow row{render::label_of(table, "entries", first.at("entry")), {}};
    for (std::size_t s = 0; s < kSchemes.size(); ++s) {
      for (const json& place : places_of(ranking, kSchemes[s].id)) {
        if (place.at("entry") == first.at("entry")) row.places[s] = place;
      }
    }
    rows.push_back(row);
  }
  return rows;
}

constexpr double kStabilityRow = 22;
constexpr double kSchemeGap = 4.6;

void draw_rank(Canvas& canvas, const json& place, const Scale& scale, double y, std::size_t scheme) {
  if (place.is_null()) return;
  const Ink ink = palette(scheme);
  const json& interval = place.at("rank95");
  if (!interval.is_null()) canvas.line({scale(interval[0]), y}, {scale(interval[1]), y}, 1.1, ink);
  const double x = scale(place.at("rank"));
  constexpr double kHalf = 2;
  switch (scheme) {  // shapes tell the schemes apart without colours
    case 0:
      return canvas.disc({x, y}, kHalf, ink);
    case 1:
      return canvas.fill(
          {{x - kHalf, y - kHalf}, {x + kHalf, y - kHalf}, {x + kHalf, y + kHalf}, {x - kHalf, y + kHalf}},
          ink);
    case 2:
      return canvas.fill(
          {{x - 1.3 * kHalf, y}, {x, y - 1.3 * kHalf}, {x + 1.3 * kHalf, y}, {x, y + 1.3 * kHalf}}, ink);
    default:
      return canvas.fill({{x - 1.2 * kHalf, y + kHalf}, {x, y - 1.2 * kHalf}, {x + 1.2 * kHalf, y + kHalf}},
                         ink);
  }
}

void draw_legend(Canvas& canvas, double left, double y) {
  const json sign{{"rank", 0}, {"rank95", nullptr}};
  for (std::size_t s = 0; s < kSchemes.size(); ++s) {
    draw_rank(canvas, sign, {0, 1, left, left + 1}, y, s);
    canvas.text({left + 5, y + 2.6}, kSchemes[s].name, {kSize, Align::left, kText});
    left += canvas.text_width(kSchemes[s].name, kSize) + 18;
  }
}

Figure stability_figure(const std::string& name, const std::vector<RankRow>& rows,
                        const std::vector<std::string>& notes) {
  constexpr double kTop = 14;
  const double bottom = kTop + kStabilityRow * static_cast<double>(rows.size());
  const double height = bottom + kAxisHeight + kNoteHeight * static_cast<double>(notes.size());
  return {name, height, [rows, notes, bottom, height](Canvas& canvas) {
            std::vector<std::string> labels;
            for (const RankRow& row : rows) labels.push_back(row.label);
            const double left = 3 + widest(canvas, labels) + 7;
            const Scale scale{0.5, static_cast<double>(rows.size()) + 0.5, left, kWidth - 6};
            draw_axis(canvas, {scale, kTop, bottom, "Rank (1 is best)", 1});
            double y = kTop + kStabilityRow / 2;
            for (const RankRow& row : rows) {
              canvas.text({left - 5, y + 2.6}, row.label, {kSize, Align::right, kText});
              for (std::size_t s = 0; s < kSchemes.size(); ++s)
                draw_rank(canvas, row.places[s], scale, y + kSchemeGap * (static_cast<double>(s) - 1.5), s);
              y += kStabilityRow;
            }
            draw_legend(canvas, left, kTop / 2);
            draw_notes(canvas, height, notes);
          }};
}

std::string file_name(const json& table, const char* what, const json& ranking) {
  return fmt::format("{}_{}_{}", id_of(table.at("name")), what, id_of(ranking.at("cell")));
}

}  // namespace

std::vector<Figure> critical_difference_figures(const json& report, const json& table) {
  std::vector<Figure> figures;
  for (const json& ranking : drawable(table)) {
    figures.push_back(
        figure_of(file_name(table, "critical_difference", ranking), diagram_of(report, table, ranking)));
  }
  return figures;
}

std::vector<Figure> rank_figures(const json& report, const json& table) {
  std::vector<Figure> figures;
  for (const json& ranking : drawable(table)) {
    const auto notes = note_lines(
        {fmt::format("{}, {}: ranks by four schemes; lines: the middle 95 % of the ranks when patients are "
                     "resampled.",
                     render::label_of(table, "cells", ranking.at("cell")),
                     render::counted(ranking.at("patients"), "patient")),
         report.at("size")});
    figures.push_back(stability_figure(file_name(table, "ranks", ranking), rank_rows(table, ranking), notes));
  }
  return figures;
}

}  // namespace totum::figure
