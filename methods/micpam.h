#pragma once
// MICPAM, modality-invariant class prototype attention: three attention modules between decoder features and
// organ prototypes, and the prototypes' moving average. Source: paper section 2, Eq. 2 and 3; scale weights,
// confidence mask and the null class's alternative from the published code.

#include <torch/torch.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "methods/losses.h"
#include "methods/method.h"
#include "methods/organ_sets.h"
#include "networks/prototype_attention.h"
#include "networks/residual_unet.h"

namespace totum {

/// Attention logits a [...,C,D,H,W] with organs in dimension -4 to probabilities of the same shape.
/// map = null-softmax: exp(a_c) / (1 + Σ exp(a_j)), a softmax with a null class of logit 0 (Eq. 3,
/// completed); sigmoid: of each organ alone (published code); softmax: over the organs alone (Eq. 3 as
/// printed).
at::Tensor attention_probability(const at::Tensor& attention, const std::string& map);

/// Prototypes ā_c ← ema ā_c + (1 - ema) (mean of the features over the voxels of class c), in place; a class
/// without voxels keeps its prototype. The class map is resized to the features with nearest neighbours.
/// prototypes [C,n]; features [B,n,D',H',W'] (one mean over all images); class_map [B,D,H,W] int64, 0 = none.
void update_prototypes(at::Tensor& prototypes, const at::Tensor& features, const at::Tensor& class_map,
                       double ema);

/// Mean cosine similarity between two different rows. prototypes [C,n]; scalar.
at::Tensor mean_cosine_similarity(const at::Tensor& prototypes);

struct MicpamOptions {
  double weight = 0.1;                             // λ3
  std::array<double, 3> scales{0.125, 0.25, 0.5};  // ω, from coarse to fine
  double ema = 0.99;                               // ε of Eq. 2
  std::string map = "null-softmax";                // attention_probability
  std::string update = "batch";  // one mean for each class and batch; image: one update for each image, as in
                                 // the published code
};

class Micpam {
 public:
  Micpam(const MethodSetup& setup, const MicpamOptions& options);

  /// Attention logits of the three scales [B,C,D',H',W'], at the features' size.
  std::array<at::Tensor, 3> attention(const std::array<at::Tensor, 3>& features);
  /// L_proto: Σ ω_s (mean over U of Dice of attention and pseudo-label on confident voxels), mean over the
  /// images. pseudo: one for each image. Scalar.
  at::Tensor prototype_loss(const Batch& batch, const std::array<at::Tensor, 3>& attention,
                            const std::vector<PseudoLabel>& pseudo);
  /// Moves the prototypes of labelled organs towards the features where the network is right; uses the output
  /// of the forward pass before the weights changed. Reports the mean distance that a prototype moved
  /// ("prototype_step") and the mean cosine similarity between two ("prototype_cosine").
  StepReport update(const Batch& batch, const UNetOutput& output);

  // The attention's optimiser, stepped with the main network's and at its rate.
  void set_learning_rate(double learning_rate);
  void zero_grad() { optimiser_->zero_grad(); }
  void step() { optimiser_->step(); }
  void visit_state(StateVisitor& visitor);

 private:
  // Three attention modules with their prototypes as buffers.
  class ModuleImpl final : public torch::nn::Module {
   public:
    ModuleImpl(std::int64_t base_width, std::uint64_t seed);
    std::array<PrototypeAttention, 3> attention{nullptr, nullptr, nullptr};
    std::array<at::Tensor, 3> prototypes;  // [C,n]
  };

  MicpamOptions options_;
  OrganTable organs_;
  std::shared_ptr<ModuleImpl> module_;
  std::unique_ptr<torch::optim::Adam> optimiser_;
};

}  // namespace totum
