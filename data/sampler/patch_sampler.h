#pragma once
// Which patches a training sees, and in which order: a pure function of (seed, cases, iteration). The order
// does not depend on the method, so scores of different methods are paired.

#include <cstdint>
#include <future>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/json_reader.h"
#include "data/batch.h"
#include "data/prepare.h"
#include "data/sampler/training_image.h"

namespace totum {

struct SamplerConfig {
  Shape3 patch_voxels{64, 192, 192};  // D,H,W; multiples of 16
  std::int64_t batch_size = 3;        // B; at least 2 (methods couple images, and LibTorch is slow with one)
  double foreground_fraction = 0.0;   // of patches centred on a voxel of a labelled organ
  std::int64_t extra_voxels = 0;      // images are padded at the end to at least the patch and this (CODE: 5)
  bool last_start = true;             // false: a crop never starts at the last possible place (CODE)
  std::string augmentation = "none";  // none | published_code (augmentation.h)
};

SamplerConfig read_sampler_config(JsonReader json);
nlohmann::json to_json(const SamplerConfig& config);

/// Where the crop of a case starts in its epoch (D,H,W). Uniform in 0..size-crop on every axis, where size is
/// at least crop + extra_voxels; the last place only if `last_start`; 0 if there is no other. Keyed by (seed,
/// epoch, case id) alone, so that all methods see the same crop.
Shape3 crop_start(const PreparedCase& image, const std::vector<std::int64_t>& labelled_organs,
                  const SamplerConfig& config, std::uint64_t seed, std::int64_t epoch);

/// Changes a patch [D,H,W] in place as `config.augmentation` says. Keyed like crop_start().
void augment_patch(std::span<float> patch, const SamplerConfig& config, std::uint64_t seed,
                   const std::string& case_id, std::int64_t epoch);

/// Training batches of some of a dataset's tasks. An epoch is one random permutation of the cases; batch i
/// holds positions i B .. i B + B - 1 of the stream of all epochs. Keeps a reference to `data`. Source:
/// methods page 1.5.
class PatchSampler {
 public:
  /// `tasks` empty: all. `part` names the stream: parts with other names have other orders, and a part's
  /// order does not depend on which other parts there are. `supervision` changes labels, never crops or
  /// order. Throws DataError if there is no training case.
  PatchSampler(const PreparedDataset& data, const SamplerConfig& config, std::uint64_t seed,
               const std::vector<std::int64_t>& tasks = {}, const std::string& part = "",
               Supervision supervision = Supervision::partial);

  [[nodiscard]] std::int64_t cases() const { return static_cast<std::int64_t>(cases_.size()); }
  /// Optimiser steps in `epochs` epochs: round(epochs n / B), at least 1.
  [[nodiscard]] std::int64_t iterations(std::int64_t epochs) const;
  /// Epoch of an iteration: floor(i B / n).
  [[nodiscard]] std::int64_t epoch(std::int64_t iteration) const;
  /// Thread-safe; labels of organs that the case's task does not label are 0 (partial supervision).
  [[nodiscard]] Batch batch(std::int64_t iteration) const;
  /// The patch at one position (>= 0) of the stream of all epochs: what batch() has there, without atlas.
  [[nodiscard]] TrainingImage patch(std::int64_t position) const;

 private:
  struct Place {
    std::int64_t epoch;
    const SplitCase* sample;
  };
  [[nodiscard]] Place place(std::int64_t position) const;
  void fill(Batch& batch, std::int64_t slot, const Place& place) const;
  /// Writes a crop that starts at `start`, augmented: float32 and int64, one value for each voxel.
  void fill_voxels(const Place& place, const Shape3& start, float* image, std::int64_t* label) const;

  const PreparedDataset& data_;
  SamplerConfig config_;
  std::uint64_t seed_;
  std::uint64_t stream_;
  Supervision supervision_;
  std::vector<SplitCase> cases_;
};

/// Makes the next batch in a background thread while the current one is used. What it gives is what the
/// sampler gives.
class BatchPrefetcher {
 public:
  /// Batches from iteration `end` on are not made.
  BatchPrefetcher(const PatchSampler& sampler, std::int64_t end) : sampler_(sampler), end_(end) {}
  Batch batch(std::int64_t iteration);

 private:
  const PatchSampler& sampler_;
  std::int64_t end_;
  std::int64_t next_ = -1;
  std::future<Batch> future_;  // its destructor waits for the thread
};

}  // namespace totum
