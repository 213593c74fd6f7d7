#include "experiments/training_source.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/random.h"
#include "experiments/run_store.h"

namespace totum {

TrainingSource::TrainingSource(const PreparedDataset& data, const SamplerConfig& config, std::uint64_t seed,
                               Supervision supervision, std::filesystem::path folder)
    : data_(data),
      config_(config),
      seed_(seed),
      supervision_(supervision),
      folder_(std::move(folder)),
      cases_(data.split.in(Subset::train)) {}

std::vector<std::string> TrainingSource::case_ids(std::int64_t task) const {
  std::vector<std::string> ids;
  for (const SplitCase& c : cases_) {
    if (c.task == task) ids.push_back(c.case_id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

const SplitCase& TrainingSource::training_case(const std::string& case_id) const {
  for (const SplitCase& c : cases_) {
    if (c.case_id == case_id) return c;
  }
  throw DataError("split " + data_.split.name + ": " + case_id + " is not a training case");
}

const Geometry& TrainingSource::geometry(const std::string& case_id) const {
  return data_.at(training_case(case_id).case_id).network();
}

at::Tensor TrainingSource::slices(const std::string& case_id, std::int64_t z, std::int64_t count) const {
  const PreparedCase& image = data_.at(training_case(case_id).case_id);
  const auto [depth, height, width] = image.shape();
  TORCH_CHECK(z >= 0 && count >= 0 && z + count <= depth, case_id, " has ", depth, " slices, not ", z, " to ",
              z + count);
  at::Tensor slices = at::empty({count, height, width}, at::kFloat);
  const auto part = image.image().subspan(static_cast<std::size_t>(z * height * width),
                                          static_cast<std::size_t>(slices.numel()));
  std::copy(part.begin(), part.end(), slices.data_ptr<float>());
  return slices;
}

TrainingImage TrainingSource::crop(const std::string& stream, std::int64_t task, std::int64_t index) const {
  return PatchSampler(data_, config_, derive_seed(seed_, "stream/" + stream), {task}, "", supervision_)
      .patch(index);
}

void TrainingSource::augment(at::Tensor& patch, const std::string& case_id, std::int64_t epoch) const {
  augment_patch({patch.data_ptr<float>(), static_cast<std::size_t>(patch.numel())}, config_, seed_, case_id,
                epoch);
}

std::filesystem::path TrainingSource::scratch_folder() const { return RunFolder{folder_}.scratch(); }
std::filesystem::path TrainingSource::gallery_folder() const { return RunFolder{folder_}.gallery(); }

}  // namespace totum
