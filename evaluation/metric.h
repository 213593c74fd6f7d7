#pragma once
// The metrics by id: what each one is, its unit, and whether more of it is better.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace totum {

/// P and R are the organ's voxels in prediction and reference; S(P), S(R) their surface voxels (a voxel of
/// the mask with a face neighbour outside of it or of the image); d(a, B) the distance in mm of a voxel
/// centre to the nearest one of B, in physical spacing.
struct MetricDescription {
  std::string_view id;
  std::string_view name;  // in prose, e.g. "HD95"
  std::string_view formula;
  std::string_view unit;  // "" for a fraction in [0,1], else "mm" or "ml"
  int version = 1;        // goes up with any change that moves a value
  bool higher_is_better = true;
  bool needs_surfaces = false;
  /// Means that differ by less are called equivalent, and power is asked for this difference, unless a table
  /// declares its own: in the metric's unit. Conventions (a point, a millimetre), no clinical claims.
  double equivalence_margin = 0.01;
};

/// dice, dice_published, iou, sensitivity, precision, volume_error_ml, nsd, hd95, assd.
const std::vector<MetricDescription>& all_metrics();
std::vector<std::string> metric_ids();
/// Null if no metric has this id: scores of other programs may hold their own.
const MetricDescription* find_metric(std::string_view id);
/// Its name in prose; the id itself for ids that totum does not know.
std::string metric_name(std::string_view id);
/// True for ids that totum does not know.
bool higher_is_better(std::string_view id);
/// Is it a fraction in [0,1], shown in percent? True for ids that totum does not know.
bool is_fraction(std::string_view id);
/// 0.01 for ids that totum does not know.
double default_equivalence_margin(std::string_view id);

}  // namespace totum
