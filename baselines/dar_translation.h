#pragma once
// Stage 1.5 of DAR-UNet: training volumes in the other modality's styles. A translated volume is a pure
// function of the averaged translator's weights, the training cases and the seed; it is made when it is first
// asked for and kept in the scratch folder.
//
// Source: Yao et al., IEEE JBHI 2022 (published code: stage_1.5_i2i_inference.py).

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "baselines/dar_slices.h"
#include "core/safetensors.h"
#include "networks/slice_translator.h"

namespace totum {

struct TranslationConfig {
  std::int64_t styles = 6;  // clusters; fewer if there are fewer slices
  std::uint64_t seed = 0;
  std::int64_t slice_pixels = 256;  // of the translator's training slices
  c10::Device device{c10::kCPU};
};

/// One volume, mapped from its file.
struct TranslatedVolume {
  std::shared_ptr<const SafetensorsFile> file;
  at::Tensor quantised;  // [D,H,W] int16: 32767 times the translator's output
  double mean = 0, sd = 1;

  /// Values as a network sees them: in [-1,1] for CT, standardised over the volume for MR.
  [[nodiscard]] at::Tensor values(const at::Tensor& part) const;  // of a part of `quantised`
  /// All of it, in [-1,1].
  [[nodiscard]] at::Tensor translator_output() const;  // [D,H,W] float32
  /// The patch of this size that starts at `start`; beyond the volume it is what -1 becomes.
  [[nodiscard]] at::Tensor patch(const Shape3& start, const Shape3& size) const;  // [D,H,W] float32
};

class VolumeTranslation {
 public:
  /// `translator` is used as it is now and must not change. Keeps references to `slices` and `data`.
  VolumeTranslation(SliceTranslator translator, AxialSlices& slices, const TrainingData& data,
                    const TranslationConfig& config);

  /// Styles to choose from for images of the target modality.
  [[nodiscard]] std::int64_t styles(Modality target) { return std::ssize(clusters(target).members); }
  /// A training case of the other modality in style 0..styles-1: that of one member of this cluster, drawn
  /// for this case.
  const TranslatedVolume& volume(const std::string& case_id, Modality target, std::int64_t style);
  [[nodiscard]] AxialSlices& slices() { return slices_; }

 private:
  struct Clusters {
    at::Tensor styles;                               // [n,8] of the slices, on the CPU
    std::vector<std::vector<std::int64_t>> members;  // of each cluster: rows of `styles`
  };
  const Clusters& clusters(Modality target);
  [[nodiscard]] at::Tensor slice_styles(Modality target);
  [[nodiscard]] at::Tensor translate(const std::string& case_id, Modality target, const at::Tensor& style);

  SliceTranslator translator_;
  AxialSlices& slices_;
  const TrainingData& data_;
  TranslationConfig config_;
  std::filesystem::path folder_;  // named by the translator's weights
  std::map<Modality, Clusters> clusters_;
  std::map<std::string, TranslatedVolume> volumes_;  // opened so far, by file name
};

}  // namespace totum
