#pragma once
// The report as data: report.json, from which every other format is made and nothing else.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "reports/report_input.h"

namespace totum {

struct ReportOptions {
  std::int64_t resamples = 10000;  // of every bootstrap
  std::uint64_t seed = 20240;      // of the resampling; part of the report
  int threads = 0;                 // 0: all cores; the result does not depend on it
};

/// All cells, tests, per-organ tables, rankings, failures, warnings and provenance. Pure: equal input gives
/// equal output. docs/report-schema.json describes it.
nlohmann::json make_report(const ReportInput& input, const PublishedNumbers& published,
                           const ReportOptions& options);

/// "smoke, phantom: not a result about patients", or the preset's name for other data; and whether labels
/// decided where images were cut. Stands on every page and in every row.
std::string size_sentence(const ReportInput& input);

}  // namespace totum
