#pragma once
// Predictions and scores of a trained run on the test cases.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/progress.h"
#include "data/prepare.h"
#include "experiments/plan.h"
#include "experiments/run_store.h"
#include "methods/label_source.h"
#include "methods/method.h"

namespace totum {

/// The label maps of a test case.
using CasePredictor = std::function<CasePrediction(const PreparedCase& image)>;
/// A trained method's, by sliding window. Keeps references to `method` and `record`.
CasePredictor predictor_of(Method& method, const RunRecord& record);

/// Predicts every test case, writes the label maps on both grids and scores.csv. Returns the files it wrote,
/// relative to the run's folder, in a fixed order. Deterministic on the CPU. Throws Interrupted between two
/// cases.
std::vector<std::string> evaluate_run(const CasePredictor& predict, const RunRecord& record,
                                      const PreparedDataset& data, const Dataset& dataset,
                                      const RunFolder& folder, Progress& progress);

}  // namespace totum
