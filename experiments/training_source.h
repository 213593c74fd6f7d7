#pragma once
// What a method sees of the training cases besides its batches, from the prepared data.

#include "data/sampler/patch_sampler.h"
#include "methods/training_data.h"

namespace totum {

/// Training cases of `data` (a reference is kept) with the labels that `supervision` permits. Crops are those
/// of a PatchSampler with a seed of the stream's own.
class TrainingSource final : public TrainingData {
 public:
  TrainingSource(const PreparedDataset& data, const SamplerConfig& config, std::uint64_t seed,
                 Supervision supervision);

  [[nodiscard]] std::vector<std::string> case_ids(std::int64_t task) const override;
  [[nodiscard]] TrainingImage volume(const std::string& case_id) const override;
  [[nodiscard]] TrainingImage crop(const std::string& stream, std::int64_t task,
                                   std::int64_t index) const override;

 private:
  const PreparedDataset& data_;
  SamplerConfig config_;
  std::uint64_t seed_;
  Supervision supervision_;
};

}  // namespace totum
