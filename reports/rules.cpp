#include "reports/rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace totum {

const std::vector<Rule>& all_rules() {
  static const std::vector<Rule> rules{
      {1, true, "the first ones"},
      {2, true, "a run is scored with the geometry that its files hold, in float32"},
      {3, true,
       "NIfTI files are read as the standard says: scaling, units, offsets, one tolerance for grids"},
      {4, true,
       "a surface distance that equals the tolerance of NSD counts as within, whatever the rounding, and "
       "under "
       "shear distances follow the affine"},
      {5, false, "every table says whether it was declared before there were scores"},
      {6, false, "methods are compared on the same organs, and a cell with holes is never the best"},
      {7, false, "identical scores read so, and are neither equivalent nor undecided"},
      {8, false, "t intervals lead under 50 patients, BCa intervals stand beside them"},
      {9, false,
       "a mean of cells has Welch-Satterthwaite's degrees of freedom, and power is the deciding test's"},
      {10, false, "pooled pairs give no verdict; the clustered test decides"},
      {11, false, "in a mean of cells the deciding test weighs cells as the difference does"},
      {12, false, "equivalence needs TOST and the BCa interval inside the margin, and 24 patients"},
      {13, false,
       "every mean carries its name, and ranks that the mean does not bear out read \"in most patients, not "
       "in the "
       "mean\""}};
  return rules;
}

std::int64_t current_rules() { return all_rules().back().number; }

std::int64_t rules_of(const nlohmann::json& document) {
  const auto found = document.find("rules");
  return found != document.end() && found->is_number_integer() ? found->get<std::int64_t>() : 1;
}

std::string changed_since(std::int64_t rules, bool only_of_scores) {
  std::vector<std::string> changes;
  for (const Rule& rule : all_rules()) {
    if (rule.number > rules && (rule.of_scores || !only_of_scores))
      changes.push_back(fmt::format("{} ({})", rule.number, rule.changed));
  }
  return fmt::format("{}", fmt::join(changes, ", "));
}

}  // namespace totum
