#include "experiments/training_source.h"

#include <algorithm>

#include "core/error.h"
#include "core/random.h"

namespace totum {

TrainingSource::TrainingSource(const PreparedDataset& data, const SamplerConfig& config, std::uint64_t seed,
                               Supervision supervision)
    : data_(data), config_(config), seed_(seed), supervision_(supervision) {}

std::vector<std::string> TrainingSource::case_ids(std::int64_t task) const {
  std::vector<std::string> ids;
  for (const SplitCase& c : data_.split.in(Subset::train)) {
    if (c.task == task) ids.push_back(c.case_id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

TrainingImage TrainingSource::volume(const std::string& case_id) const {
  for (const SplitCase& c : data_.split.in(Subset::train)) {
    if (c.case_id == case_id) return training_image(data_, c, supervision_);
  }
  throw DataError("split " + data_.split.name + ": " + case_id + " is not a training case");
}

TrainingImage TrainingSource::crop(const std::string& stream, std::int64_t task, std::int64_t index) const {
  return PatchSampler(data_, config_, derive_seed(seed_, "stream/" + stream), {task}, "", supervision_)
      .patch(index);
}

}  // namespace totum
