#pragma once
// Stage 1 of DAR-UNet: the slice translator and how it is trained, by reconstruction, cycle, and adversaries.
//
// Source: Yao et al., IEEE JBHI 2022 (published code: i2i_solver.py, stage_1_i2i_train.py).

#include <memory>

#include "methods/method.h"
#include "networks/slice_translator.h"

namespace totum {

struct TranslatorConfig {
  std::int64_t width = 32;
  std::int64_t slice_pixels = 256;  // S, of training slices
  std::int64_t batch = 4;           // pairs of a CT and an MR slice
  double learning_rate = 1e-4;      // of encoders and decoder
  double discriminator_lr = 2e-4;
  double average = 0.999;  // EMA of encoders and decoder
};

/// The networks with two optimisers (Adam, betas .5 and .9; the original's AdaBelief with the same numbers)
/// and the running average of encoders and decoder, which is what translates. It starts as a copy; in the
/// published code it starts from other random weights, which its average forgets.
class TranslatorTraining {
 public:
  TranslatorTraining(const TranslatorConfig& config, std::uint64_t seed, const c10::Device& device);
  ~TranslatorTraining();

  /// One step of the discriminators, then one of encoders and decoder. ct, mr [B,1,S,S] in [-1,1], unpaired.
  StepReport step(const at::Tensor& ct, const at::Tensor& mr);
  SliceTranslator averaged();
  /// Trained weights, average, discriminators and optimisers, as PREFIX + their names.
  void visit(StateVisitor& visitor, const std::string& prefix);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace totum
