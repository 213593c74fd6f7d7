#include "experiments/prepare_preset.h"

#include "core/error.h"
#include "experiments/resources.h"

namespace totum {

PrepareSummary prepare_for_preset(const PrepareRequest& request, Progress& progress) {
  const Preset& preset = request.preset;
  if (request.data.empty()) throw ConfigError("prepare: pass --data DIR, a dataset in AMOS22's form");
  if (preset.rules != "paper") {
    throw RunError("preset " + preset.name +
                   ": its preprocessing (z cut to the labels' extent, fixed thresholds) is not built yet; "
                   "use --preset amos22-paper");
  }
  const Split split = read_split(split_file(preset.dataset.split), preset.dataset.known_tasks);
  const Dataset dataset = open_dataset(request.data);
  const PreparedDataset prepared =
      prepare_dataset(dataset, restrict_to(dataset, split, request.allow_missing), preset.preprocess,
                      request.cache, request.threads, progress);
  PrepareSummary summary{prepared.cases.size(), {}, prepared.atlas.shape, ""};
  const auto training = prepared.split.in(Subset::train);
  for (const SplitCase& c : training) {
    const Shape3 shape = prepared.at(c.case_id).shape();
    for (std::size_t a = 0; a < 3; ++a)
      summary.mean_shape[a] += static_cast<double>(shape[a]) / static_cast<double>(training.size());
  }
  if (preset.dataset.kind == "amos") {
    summary.remark =
        "The paper's mean is 143 x 233 x 338. Its 143 slices were most likely cut with labels, which this "
        "preset does not "
        "do: expect a larger first number.";
  }
  return summary;
}

}  // namespace totum
