#pragma once
// AMAN, the atlas-conditioned modality alignment network: a discriminator that tells maps of organs which are
// labelled in the image's modality from maps of organs which are not, and the adversarial loss that makes the
// latter look like the former. It sees one organ at a time, so organs (of all images) form its batch axis.
// Source: paper section 2, Eq. 1; layers and the mean over organs from the published code.

#include <torch/torch.h>

#include <memory>
#include <string>

#include "methods/method.h"
#include "methods/organ_sets.h"
#include "networks/discriminator.h"

namespace totum {

/// -log softmax(logits)[target] of each row. logits [K,2], target [K] int64 in {0,1}; returns [K]. With
/// f_D = softmax(logits)[1] this is -log f_D where target is 1 and -log(1 - f_D) where it is 0.
at::Tensor discriminator_loss(const at::Tensor& logits, const at::Tensor& target);

struct AmanOptions {
  double weight = 0.01;            // λ2
  std::string reduction = "mean";  // of L_adv over X; sum: the text's Eq. 1 as printed
  double learning_rate = 1e-4;
  std::string optimiser = "adam";  // fresh-adam: a new one each iteration, as in the published code, so that
                                   // every weight moves by about the learning rate (sign descent)
  std::int64_t base = 32;          // channels behind the first layer
};

class Aman {
 public:
  Aman(const MethodSetup& setup, const AmanOptions& options);

  void set_learning_rate(const StepContext& context);
  /// L_adv: -log f_D over X, mean over the images; zero if there is no such organ. AMAN's weights are frozen:
  /// only p gets a gradient. p [B,1+C,D,H,W]. Scalar.
  at::Tensor adversarial_loss(const Batch& batch, const at::Tensor& p);
  /// One step on L_D, p [B,1+C,D,H,W] without graph. Reports L_D ("aman") and the share of maps that the
  /// discriminator classed right before the step ("aman_accuracy").
  StepReport train_step(const Batch& batch, const at::Tensor& p);
  void visit_state(StateVisitor& visitor);

 private:
  OptimiserConfig config_;
  AmanOptions options_;
  OrganTable organs_;
  Discriminator discriminator_;
  std::unique_ptr<torch::optim::Adam> optimiser_;
};

}  // namespace totum
