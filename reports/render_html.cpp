#include <map>

#include "core/base64.h"
#include "core/sha256.h"
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
      case '\'':
        out += "&#39;";
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

// What a browser must find in a script before it runs it (Content Security Policy, level 2).
std::string script_hash(std::string_view script) {
  const std::string digits = sha256(script);
  std::string bytes;
  for (std::size_t at = 0; at < digits.size(); at += 2)
    bytes += static_cast<char>(std::stoi(digits.substr(at, 2), nullptr, 16));
  return "'sha256-" + base64(bytes) + "'";
}

// Of the page's two scripts, which are the same in every report.
const std::string& script_hashes() {
  static const std::string hashes = script_hash(html::plotly()) + " " + script_hash(html::js());
  return hashes;
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
                               {"HASHES", script_hashes()},
                               {"CSS", html::css()},
                               {"JS", html::js()},
                               {"PLOTLY", html::plotly()}});
}

}  // namespace totum
