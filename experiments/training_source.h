#pragma once
// What a method sees of the training cases besides its batches, from the prepared data.

#include "data/sampler/patch_sampler.h"
#include "methods/training_data.h"

namespace totum {

/// Training cases of `data` (a reference is kept) with the labels that `supervision` permits. Crops are those
/// of a PatchSampler with a seed of the stream's own. `folder` is the run's.
class TrainingSource final : public TrainingData {
 public:
  TrainingSource(const PreparedDataset& data, const SamplerConfig& config, std::uint64_t seed,
                 Supervision supervision, std::filesystem::path folder = {});

  [[nodiscard]] std::vector<std::string> case_ids(std::int64_t task) const override;
  [[nodiscard]] const Geometry& geometry(const std::string& case_id) const override;
  [[nodiscard]] at::Tensor slices(const std::string& case_id, std::int64_t z,
                                  std::int64_t count) const override;
  [[nodiscard]] TrainingImage crop(const std::string& stream, std::int64_t task,
                                   std::int64_t index) const override;
  void augment(at::Tensor& patch, const std::string& case_id, std::int64_t epoch) const override;
  [[nodiscard]] std::filesystem::path scratch_folder() const override;
  [[nodiscard]] std::filesystem::path gallery_folder() const override;

 private:
  [[nodiscard]] const SplitCase& training_case(const std::string& case_id) const;

  const PreparedDataset& data_;
  SamplerConfig config_;
  std::uint64_t seed_;
  Supervision supervision_;
  std::filesystem::path folder_;
  std::vector<SplitCase> cases_;  // of training
};

}  // namespace totum
