#include "reports/overlays.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/json_reader.h"
#include "core/sha256.h"
#include "data/cache_key.h"
#include "data/nifti.h"
#include "reports/overlay_choice.h"
#include "reports/overlay_planes.h"

namespace totum {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string hexadecimal(const Rgba& colour) {
  return fmt::format("#{:02x}{:02x}{:02x}", colour[0], colour[1], colour[2]);
}

json legend() {
  json organs = json::array();
  for (std::int64_t organ = 1; organ <= kOrgans; ++organ) {
    organs.push_back(
        {{"organ", organ}, {"name", organ_name(organ)}, {"colour", hexadecimal(organ_colour(organ))}});
  }
  json differences = json::array();
  for (const auto& [agreement, name] :
       {std::pair{Agreement::prediction_right, "only the reference method is right"},
        std::pair{Agreement::other_right, "only the other method is right"},
        std::pair{Agreement::both_wrong, "both are wrong, differently"},
        std::pair{Agreement::both_wrong_alike, "both are wrong, alike"}}) {
    differences.push_back({{"name", name}, {"colour", hexadecimal(agreement_colour(agreement))}});
  }
  return {{"organs", organs}, {"differences", differences}};
}

PreparedCase image_of(const fs::path& run, const std::string& case_id) {
  const json record = read_json_file(run / "run.json");
  const json inputs = read_json_file(run / "inputs.json");
  const json config = record.value("config", json::object());
  const Dataset dataset = open_dataset(inputs.at("data").get<std::string>());
  const Split split = read_split(inputs.at("split").get<std::string>());
  return cached_case(
      dataset, split, case_id,
      read_preprocess_config(JsonReader(config.value("preprocess", json::object()), "run.json")),
      inputs.at("cache").get<std::string>());
}

// A run's label map of the case, on the grid of its image.
LabelMap prediction_of(const fs::path& runs, const json& method, const PreparedCase& image) {
  const fs::path file =
      runs / method.at("folder").get<std::string>() / "predictions_network" / (image.case_id() + ".nii.gz");
  if (!fs::exists(file)) throw DataError(fmt::format("{} is not here", file.string()));
  if (method.value("sha256", "") != sha256_of_file(file))
    throw DataError(fmt::format("{} is not the label map that the run wrote", file.string()));
  LabelMap map = read_label(file);
  const std::string fault = grid_fault(map.geometry, image.network(), "the preprocessed image");
  if (!fault.empty()) throw DataError(fmt::format("{} {}", file.string(), fault));
  return map;
}

json planes_of(const fs::path& runs, const json& chosen) {
  const json& reference = chosen.at("reference");
  const PreparedCase image = image_of(runs / reference.at("folder").get<std::string>(), chosen.at("case"));
  if (image.label().empty()) throw DataError("the case has no reference");
  const LabelMap prediction = prediction_of(runs, reference, image);
  LabelMap other;
  if (chosen.contains("other")) other = prediction_of(runs, chosen.at("other"), image);
  Vector3 spacing_mm = spacing_mm_xyz(image.network());
  std::reverse(spacing_mm.begin(), spacing_mm.end());
  return overlay_planes(
      {image.shape(), spacing_mm, image.image(), image.label(), prediction.voxels, other.voxels},
      chosen.at("organ"));
}

// Does an earlier table show the same pictures?
bool is_shown(const json& cases, json chosen) {
  return std::any_of(cases.begin(), cases.end(), [&](const json& earlier) {
    chosen["table"] = earlier.at("table");
    return earlier == chosen;
  });
}

}  // namespace

json overlays(const ReportInput& input, const json& tables) {
  const bool of_runs = std::any_of(input.runs.begin(), input.runs.end(),
                                   [](const ReportRun& run) { return !run.record.is_null(); });
  json out{{"legend", legend()}, {"cases", json::array()}};
  if (!of_runs) {
    out["why"] = "this report is made from files of scores, which hold neither images nor label maps";
    return out;
  }
  for (std::size_t t = 0; t < tables.size(); ++t) {
    for (const json& chosen : overlay_cases(input.tables[t], input, tables[t])) {
      if (!is_shown(out.at("cases"), chosen)) out["cases"].push_back(chosen);
    }
  }
  out["why"] = out.at("cases").empty() ? "the reference method has no scores" : "the pictures were not drawn";
  return out;
}

void add_overlay_pictures(json& report, const fs::path& runs) {
  json& cases = report.at("overlays").at("cases");
  if (cases.empty()) return;
  for (json& chosen : cases) {
    try {
      chosen["planes"] = planes_of(runs, chosen);
    } catch (const Error& error) {  // the numbers stand without their pictures
      chosen["why"] = error.what();
    } catch (const json::exception& error) {
      chosen["why"] = fmt::format("run.json or inputs.json is not what a run writes: {}", error.what());
    }
  }
  report["overlays"].erase("why");
}

json without_pictures(json overlays) {
  overlays.erase("why");
  for (json& chosen : overlays.at("cases")) {
    chosen.erase("planes");
    chosen.erase("why");
  }
  return overlays;
}

}  // namespace totum
