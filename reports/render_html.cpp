#include <map>

#include "evaluation/metric.h"
#include "reports/html_resources.h"
#include "reports/render.h"

namespace totum {

namespace {

using nlohmann::json;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// JSON that can't end the script element it stands in: "<" occurs in strings only, where < means the same.
std::string as_script_data(const json& report) {
  const std::string text = report.dump(-1, ' ', false, json::error_handler_t::replace);
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

// Names, units and directions by metric id.
json metrics() {
  json out = json::object();
  for (const MetricDescription& metric : all_metrics()) {
    out[std::string(metric.id)] = {
        {"name", metric.name}, {"unit", metric.unit}, {"higher_is_better", metric.higher_is_better}};
  }
  return out;
}

// The page with each {{NAME}} replaced, in one pass, so that what is put in is never searched.
std::string filled(std::string_view page, const std::map<std::string_view, std::string_view>& parts) {
  std::string out;
  for (std::size_t at = 0; at < page.size();) {
    const std::size_t open = page.find("{{", at);
    out += page.substr(at, open - at);
    if (open == std::string_view::npos) break;
    const std::size_t close = page.find("}}", open);
    out += parts.at(page.substr(open + 2, close - open - 2));
    at = close + 2;
  }
  return out;
}

}  // namespace

std::string render_html(const json& report) {
  const std::string title = escaped(report.at("title"));
  const std::string size = escaped(report.at("size"));
  const std::string data = as_script_data(report);
  const std::string metric_data = as_script_data(metrics());
  return filled(html::page(), {{"TITLE", title},
                               {"SIZE", size},
                               {"REPORT", data},
                               {"METRICS", metric_data},
                               {"CSS", html::css()},
                               {"JS", html::js()},
                               {"PLOTLY", html::plotly()}});
}

}  // namespace totum
