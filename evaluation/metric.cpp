#include "evaluation/metric.h"

#include <algorithm>

namespace totum {

const std::vector<MetricDescription>& all_metrics() {
  static const std::vector<MetricDescription> metrics{
      {"dice", "Dice", "2|P∩R| / (|P|+|R|)", ""},
      {"dice_published", "Dice as published", "2|P∩R| / (|P|+|R|+1)", ""},
      {"iou", "IoU", "|P∩R| / |P∪R|", ""},
      {"sensitivity", "sensitivity", "|P∩R| / |R|", ""},
      {"precision", "precision", "|P∩R| / |P|", ""},
      {"volume_error_ml", "volume error", "||P|-|R|| · voxel volume", "ml", 1, false, false, 1.0},
      {"nsd", "NSD", "(|{p∈S(P): d(p,S(R))≤t}| + |{r∈S(R): d(r,S(P))≤t}|) / (|S(P)|+|S(R)|)", "", 2, true,
       true},
      {"hd95", "HD95", "max(q95{d(p,S(R))}, q95{d(r,S(P))}), q95 with linear interpolation", "mm", 2, false,
       true, 1.0},
      {"assd", "ASSD", "(Σ d(p,S(R)) + Σ d(r,S(P))) / (|S(P)|+|S(R)|)", "mm", 2, false, true, 0.5},
  };
  return metrics;
}

std::vector<std::string> metric_ids() {
  std::vector<std::string> ids;
  for (const MetricDescription& metric : all_metrics()) ids.emplace_back(metric.id);
  return ids;
}

const MetricDescription* find_metric(std::string_view id) {
  const auto& metrics = all_metrics();
  const auto found = std::find_if(metrics.begin(), metrics.end(),
                                  [&](const MetricDescription& metric) { return metric.id == id; });
  return found == metrics.end() ? nullptr : &*found;
}

std::string metric_name(std::string_view id) {
  const MetricDescription* metric = find_metric(id);
  return std::string(metric == nullptr ? id : metric->name);
}

bool higher_is_better(std::string_view id) {
  const MetricDescription* metric = find_metric(id);
  return metric == nullptr || metric->higher_is_better;
}

bool is_fraction(std::string_view id) {
  const MetricDescription* metric = find_metric(id);
  return metric == nullptr || metric->unit.empty();
}

double default_equivalence_margin(std::string_view id) {
  const MetricDescription* metric = find_metric(id);
  return metric == nullptr ? 0.01 : metric->equivalence_margin;
}

}  // namespace totum
