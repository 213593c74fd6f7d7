#pragma once
// The parts of report.html that are the same in every report, held in the program. Internal to reports/.

#include <string_view>

namespace totum::html {

std::string_view page();    // reports/html/page.html, with {{NAME}} where something is put in
std::string_view css();     // reports/html/report.css
std::string_view js();      // reports/html/report.js
std::string_view plotly();  // plotly.min.js of the PyPI package plotly (MIT licence)

}  // namespace totum::html
