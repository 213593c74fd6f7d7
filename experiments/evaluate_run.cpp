#include "experiments/evaluate_run.h"

#include <algorithm>

#include "core/interrupt.h"
#include "data/nifti.h"
#include "evaluation/score_case.h"
#include "experiments/predict_case.h"

namespace totum {

namespace {

bool wants(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

CasePredictor predictor_of(Method& method, const RunRecord& record) {
  return [&method, &record](const PreparedCase& image) {
    LabelMap network{image.network(), predict_case(method, network_image(image), record)};
    LabelMap native = to_native(network, image.native());
    return CasePrediction{std::move(network), std::move(native)};
  };
}

std::vector<std::string> evaluate_run(const CasePredictor& predict, const RunRecord& record,
                                      const PreparedDataset& data, const Dataset& dataset,
                                      const RunFolder& folder, Progress& progress) {
  const EvaluationConfig& config = record.preset.evaluation;
  const auto cases = data.split.in(Subset::test);
  progress.start("evaluating " + record.name(), static_cast<std::int64_t>(cases.size()));
  std::vector<Score> scores;
  std::vector<std::string> files;
  const auto add = [&](const PreparedCase& image, const std::string& grid, const LabelMap& prediction,
                       std::span<const std::uint8_t> reference) {
    const auto path = folder.prediction(grid, image.case_id());
    write_label_map(path, prediction);
    files.push_back(std::filesystem::relative(path, folder.path).string());
    if (!wants(config.grids, grid)) return;
    const ScoringOptions options{config.metrics, EmptyPolicy::standard,
                                 static_cast<int>(record.preset.threads)};
    const auto of_case =
        score_case({record.name(), image.case_id(), image.modality(), grid}, prediction.voxels, reference,
                   as_stored(prediction.geometry), data.split, options);
    scores.insert(scores.end(), of_case.begin(), of_case.end());
  };
  std::int64_t done = 0;
  for (const SplitCase& c : cases) {
    stop_if_interrupted("run the same command to continue");
    const PreparedCase& image = data.at(c.case_id);
    const CasePrediction prediction = predict(image);
    add(image, "network", prediction.network, image.label());
    add(image, "native", prediction.native, read_label(dataset.cases.at(c.case_id).label).voxels);
    progress.update(++done, c.case_id);
  }
  write_scores(folder.scores(), scores);
  files.emplace_back("scores.csv");
  progress.finish();
  return files;
}

}  // namespace totum
