#include <utility>

#include "reports/figure.h"
#include "reports/render.h"

namespace totum {

std::map<std::string, std::string> render_figures(const nlohmann::json& report) {
  std::map<std::string, std::string> files;
  for (const nlohmann::json& table : report.at("tables")) {
    for (const auto& figures :
         {figure::patient_figures(report, table), figure::difference_figures(report, table),
          figure::critical_difference_figures(report, table), figure::rank_figures(report, table)}) {
      for (const figure::Figure& figure : figures) {
        for (const auto& [format, ending] :
             {std::pair{FigureFormat::svg, ".svg"}, std::pair{FigureFormat::pdf, ".pdf"}}) {
          Canvas canvas(format, figure::kWidth, figure.height);
          figure.draw(canvas);
          files["figures/" + figure.name + ending] = canvas.finish();
        }
      }
    }
  }
  return files;
}

}  // namespace totum
