#pragma once
// The smallest setup and batches that every method can train on.

#include <torch/torch.h>

#include <map>

#include "core/random.h"
#include "methods/method.h"
#include "methods/training_data.h"
#include "tests/core/temporary_folder.h"

namespace totum {

inline MethodSetup small_setup(std::uint64_t seed = 1) {
  MethodSetup setup;
  setup.backbone = {16, 2};
  setup.tasks = {{"ct_a", Modality::ct, {5, 6, 7, 8}},
                 {"ct_b", Modality::ct, {9, 11, 12, 13}},
                 {"mr", Modality::mr, {1, 2, 3, 4, 10}}};
  setup.patch_voxels = {32, 32, 32};
  setup.epochs = 10;
  setup.seed = seed;
  return setup;
}

inline at::Tensor uniform(at::IntArrayRef shape, RandomStream& random, double low, double high) {
  std::int64_t count = 1;
  for (const std::int64_t axis : shape) count *= axis;
  at::Tensor values = at::empty(shape, at::kFloat);
  for (std::int64_t i = 0; i < count; ++i)
    values.data_ptr<float>()[i] = static_cast<float>(random.uniform(low, high));
  return values;
}

/// Images of the given tasks, of the setup's patch size; labels in 4x4x4 blocks, organs of other tasks erased
/// under partial supervision.
inline Batch small_batch(const MethodSetup& setup, const std::vector<std::int64_t>& tasks, std::uint64_t seed,
                         Supervision supervision = Supervision::partial) {
  RandomStream random(seed, "batch");
  const auto images = static_cast<std::int64_t>(tasks.size());
  const auto [depth, height, width] = setup.patch_voxels;
  Batch batch;
  batch.image = uniform({images, 1, depth, height, width}, random, -1, 1);
  batch.atlas = uniform({images, kOrgans, depth, height, width}, random, 0, 1);
  const at::Tensor coarse = uniform({images, 1, 4, 4, 4}, random, 0, 14).floor();
  batch.label = at::upsample_nearest3d(coarse, {depth, height, width}).select(1, 0).to(at::kLong);
  batch.labelled = at::zeros({images, kOrgans}, at::kBool);
  batch.task = tasks;
  batch.supervision = supervision;
  for (std::int64_t b = 0; b < images; ++b) {
    const Task& task = setup.tasks[static_cast<std::size_t>(tasks[static_cast<std::size_t>(b)])];
    if (supervision == Supervision::full) batch.labelled[b].fill_(true);
    at::Tensor known = at::full({14}, supervision == Supervision::full, at::kBool);
    for (const std::int64_t c : task.organs) {
      batch.labelled[b][c - 1] = true;
      known[c] = true;
    }
    batch.label[b].masked_fill_(
        known.index_select(0, batch.label[b].flatten()).view_as(batch.label[b]).logical_not(), 0);
    batch.modality.push_back(task.modality);
    batch.case_id.push_back(std::to_string(tasks[static_cast<std::size_t>(b)]) + "_" + std::to_string(b % 2));
    batch.place.push_back({});
  }
  return batch;
}

/// Training cases made like the images of small_batch(): two in each task, 32 voxels wide as their crops.
class SmallTrainingData final : public TrainingData {
 public:
  explicit SmallTrainingData(Supervision supervision = Supervision::partial) : supervision_(supervision) {}
  [[nodiscard]] std::vector<std::string> case_ids(std::int64_t task) const override {
    return {std::to_string(task) + "_0", std::to_string(task) + "_1"};
  }
  [[nodiscard]] const Geometry& geometry(const std::string&) const override { return geometry_; }
  [[nodiscard]] at::Tensor slices(const std::string& case_id, std::int64_t z,
                                  std::int64_t count) const override {
    auto found = volumes_.find(case_id);
    if (found == volumes_.end())
      found = volumes_.emplace(case_id, image(derive_seed(1, case_id), std::stoll(case_id)).image).first;
    return found->second.slice(0, z, z + count);
  }
  [[nodiscard]] TrainingImage crop(const std::string& stream, std::int64_t task,
                                   std::int64_t index) const override {
    constexpr std::int64_t kDifferent = 8;  // crops come round again: PaNN alone asks for 600
    const std::string name = stream + "/" + std::to_string(task) + "/" + std::to_string(index % kDifferent);
    const auto found = crops_.find(name);
    return found != crops_.end() ? found->second
                                 : crops_.emplace(name, image(derive_seed(2, name), task)).first->second;
  }
  void augment(at::Tensor&, const std::string&, std::int64_t) const override {}
  [[nodiscard]] std::filesystem::path scratch_folder() const override { return folder_.path() / "scratch"; }
  [[nodiscard]] std::filesystem::path gallery_folder() const override { return folder_.path() / "gallery"; }

 private:
  [[nodiscard]] TrainingImage image(std::uint64_t seed, std::int64_t task) const {
    const Batch batch = small_batch(small_setup(), {task}, seed, supervision_);
    return {batch.image[0][0], batch.label[0], batch.labelled[0],
            batch.modality[0], task,           std::to_string(task) + "_0"};
  }

  Supervision supervision_;
  Geometry geometry_{{32, 32, 32}, {{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}}};
  mutable std::map<std::string, at::Tensor> volumes_;  // met so far
  mutable std::map<std::string, TrainingImage> crops_;
  TemporaryFolder folder_;
};

/// The tasks of a batch of two that a part of a method may see.
inline std::vector<std::int64_t> tasks_of(const TrainingPart& part) {
  if (part.tasks.empty()) return {0, 2};
  return {part.tasks[0], part.tasks.back()};
}

}  // namespace totum
