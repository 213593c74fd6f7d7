#pragma once
// What most rivals share: one network, one Adam with the common schedule, the mean over a batch's images. A
// rival says what its step costs and what it predicts. With several optimisers or teachers it implements
// Method itself.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "baselines/assembly.h"
#include "methods/method.h"
#include "methods/optimiser.h"
#include "methods/state.h"
#include "networks/initialise.h"
#include "networks/residual_unet.h"

namespace totum {

/// The shared backbone at the preset's size.
UNetShape backbone_of(const MethodSetup& setup, std::int64_t outputs);

/// Loss of one image, given its place in the batch and its task. Scalar.
using ImageLoss = std::function<at::Tensor(std::int64_t image, std::size_t task)>;

/// Losses are computed for each image alone and averaged over the batch; voxels of several images are never
/// pooled.
at::Tensor mean_over_images(const Batch& batch, const ImageLoss& loss);

/// A method that is one network. Network is a module's holder (ResidualUNet, DynamicUNet, …).
template <class Network>
class OneNetwork : public Method {
 public:
  StepReport train_step(const Batch& batch, const StepContext& context) final {
    const OptimiserConfig& config = setup_.optimiser;
    set_learning_rate(*optimiser_, poly_learning_rate(config.learning_rate, context.epoch, context.epochs,
                                                      config.poly_power));
    network_->train();
    optimiser_->zero_grad(/*set_to_none=*/true);  // what gets no gradient is left alone, by Adam's decay too
    StepReport report = losses(batch, context);
    report.front().second.backward();
    optimiser_->step();
    for (auto& [name, value] : report) value = value.detach();
    return report;
  }

  at::Tensor predict(const at::Tensor& patch, Modality modality) final {
    const c10::InferenceMode inference;
    network_->eval();
    return probabilities(patch, modality);
  }

  void visit_state(StateVisitor& visitor) final { visit_state(visitor, ""); }
  /// The same with a prefix before each name, for a method that holds several of these.
  void visit_state(StateVisitor& visitor, const std::string& prefix) {
    visit_module(visitor, prefix + "network.", *network_);
    visitor.optimiser(prefix + "network_adam", *optimiser_);
  }

 protected:
  /// `purpose` names the initial weights: networks of one architecture and purpose begin alike.
  OneNetwork(const MethodSetup& setup, Network network, const std::string& purpose = "network")
      : setup_(setup), network_(std::move(network)), organs_(organ_indices(setup.tasks, setup.device)) {
    initialise_parameters(*network_, setup.seed, purpose);
    network_->to(setup.device);
    optimiser_ = make_adam(network_->parameters(), setup.optimiser);
  }

  /// The terms of one step by name; gradients are taken of the first, "loss". Gradients are cleared before,
  /// so a rival may also send a term back itself and put it into the first one detached.
  virtual StepReport losses(const Batch& batch, const StepContext& context) = 0;
  /// [B,1+C,D,H,W], sum 1 over the channels, for patch [B,1,D,H,W]; called in inference mode.
  virtual at::Tensor probabilities(const at::Tensor& patch, Modality modality) = 0;

  [[nodiscard]] const MethodSetup& setup() const { return setup_; }
  [[nodiscard]] const std::vector<at::Tensor>& organs() const { return organs_; }
  Network& network() { return network_; }

 private:
  MethodSetup setup_;
  Network network_;
  std::vector<at::Tensor> organs_;  // by task, [|L_t|] class indices
  std::unique_ptr<torch::optim::Adam> optimiser_;
};

/// One softmax over background and all organs: the plain network (ablation (a)), from the same initial
/// weights, under losses of a rival's own.
class PlainNetwork : public OneNetwork<ResidualUNet> {
 protected:
  explicit PlainNetwork(const MethodSetup& setup);
  at::Tensor logits(const at::Tensor& image) { return network()->forward(image).logits; }  // [B,1+C,D,H,W]
  at::Tensor probabilities(const at::Tensor& patch, Modality modality) override;
};

}  // namespace totum
