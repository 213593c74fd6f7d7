#pragma once
// What tests look at in a method from outside: its tensors, its gradients, the convolutions that it runs.

#include <ATen/record_function.h>
#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "methods/method.h"
#include "tests/methods/small_setup.h"

namespace totum {

/// The small setup without weight decay, so that what has no gradient does not move.
inline MethodSetup undecayed_setup(std::int64_t stem_stride = 2) {
  MethodSetup setup = small_setup();
  setup.optimiser.weight_decay = 0;
  setup.backbone.stem_stride = stem_stride;
  return setup;
}

/// The paper's sizes: width 32, crops of 64x192x192.
inline MethodSetup paper_setup() {
  MethodSetup setup = small_setup();
  setup.backbone = {32, 1};
  setup.patch_voxels = {64, 192, 192};
  return setup;
}

/// Visits the tensors alone.
class TensorVisitor final : public StateVisitor {
 public:
  explicit TensorVisitor(std::function<void(const std::string&, at::Tensor&)> visit)
      : visit_(std::move(visit)) {}
  void tensor(const std::string& name, at::Tensor& value) override { visit_(name, value); }
  void counter(const std::string&, std::int64_t&) override {}
  void optimiser(const std::string&, torch::optim::Optimizer&) override {}

 private:
  std::function<void(const std::string&, at::Tensor&)> visit_;
};

inline std::map<std::string, at::Tensor> snapshot(Method& method) {
  std::map<std::string, at::Tensor> tensors;
  TensorVisitor visitor(
      [&](const std::string& name, at::Tensor& value) { tensors[name] = value.detach().clone(); });
  method.visit_state(visitor);
  return tensors;
}

/// Numbers in all tensors whose name starts with `prefix`.
inline std::int64_t parameter_count(Method& method, const std::string& prefix = "") {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : snapshot(method)) count += name.starts_with(prefix) ? tensor.numel() : 0;
  return count;
}

/// Every parameter in float64, so that differences are those of the mathematics and not of rounding.
inline void convert_to_double(Method& method) {
  TensorVisitor visitor([](const std::string&, at::Tensor& value) {
    const torch::NoGradGuard no_grad;
    value.set_data(value.to(at::kDouble));
  });
  method.visit_state(visitor);
}

/// Copies a method's tensors whose names start with `prefix` into a module of the same architecture.
inline void copy_parameters(Method& method, const std::string& prefix, torch::nn::Module& module) {
  const auto tensors = snapshot(method);
  const torch::NoGradGuard no_grad;
  for (auto& entry : module.named_parameters()) entry.value().copy_(tensors.at(prefix + entry.key()));
}

/// Gives a layer of the method (NAME.weight, NAME.bias) the weight 0 and the given bias, so that it says the
/// same everywhere.
inline void set_constant(Method& method, const std::string& layer, const std::vector<double>& bias) {
  TensorVisitor visitor([&](const std::string& name, at::Tensor& value) {
    const torch::NoGradGuard no_grad;
    if (name == layer + ".weight") value.zero_();
    if (name == layer + ".bias") value.copy_(at::tensor(bias, at::kDouble));
  });
  method.visit_state(visitor);
}

/// L_head of an image on which a head says exp(z_j) / Σ exp(z) everywhere, from the number of voxels of each
/// organ: by hand, since every sum is a product.
inline double constant_head_loss(const std::vector<double>& z, const at::Tensor& label,
                                 const std::vector<std::int64_t>& organs) {
  const auto voxels = static_cast<double>(label.numel());
  double total = 0;
  for (const double value : z) total += std::exp(value);
  double rest = voxels;
  std::vector<double> counts{0};
  for (const std::int64_t organ : organs) {
    counts.push_back((label == organ).sum().item<double>());
    rest -= counts.back();
  }
  counts[0] = rest;
  double loss = 0;
  for (std::size_t j = 0; j < z.size(); ++j) {
    const double p = std::exp(z[j]) / total;
    loss += (1 - (2 * p * counts[j] + 1e-5) / (p * p * voxels + counts[j] + 1e-5)) /
            static_cast<double>(z.size());
    loss -= counts[j] / voxels * std::log(p);
  }
  return loss;
}

struct StepResult {
  double loss;
  std::map<std::string, at::Tensor> gradients;  // of parameters that took part
};

/// The first training step of a method made from undecayed_setup(). Its gradients are read from Adam's first
/// moments: after one step they are 0.1 times the gradient.
inline StepResult first_step(Method& method, const Batch& batch, const StepContext& context) {
  StepResult result{method.train_step(batch, context)[0].second.item<double>(), {}};
  std::map<void*, std::string> names;
  TensorVisitor collect(
      [&](const std::string& name, at::Tensor& value) { names[value.unsafeGetTensorImpl()] = name; });
  method.visit_state(collect);
  class Moments final : public StateVisitor {
   public:
    Moments(const std::map<void*, std::string>& names, StepResult& result) : names_(names), result_(result) {}
    void tensor(const std::string&, at::Tensor&) override {}
    void counter(const std::string&, std::int64_t&) override {}
    void optimiser(const std::string&, torch::optim::Optimizer& value) override {
      for (const auto& [key, state] : value.state()) {
        const auto& adam = static_cast<const torch::optim::AdamParamState&>(*state);
        result_.gradients[names_.at(key)] = adam.exp_avg() / 0.1;
      }
    }

   private:
    const std::map<void*, std::string>& names_;
    StepResult& result_;
  };
  Moments moments(names, result);
  method.visit_state(moments);
  return result;
}

/// One image of a batch as a batch of its own.
inline Batch one_image(const Batch& batch, std::int64_t image) {
  const auto b = static_cast<std::size_t>(image);
  return {batch.image.slice(0, image, image + 1),
          batch.label.slice(0, image, image + 1),
          batch.labelled.slice(0, image, image + 1),
          batch.atlas.slice(0, image, image + 1),
          {batch.modality[b]},
          {batch.task[b]},
          {batch.case_id[b]},
          batch.supervision,
          {}};
}

/// Images that go through convolutions of more than one input channel while `work` runs: a convolution of a
/// batch of B counts B. Batches of one take another way in prediction and are not seen.
inline std::int64_t convolved_images(const std::function<void()>& work) {
  static std::int64_t count;
  count = 0;
  const auto handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback([](const at::RecordFunction& call) -> std::unique_ptr<at::ObserverContext> {
        if (std::string_view(call.name()) != "aten::conv3d") return nullptr;
        const at::Tensor& x = call.inputs()[0].toTensor();
        if (x.size(1) > 1) count += x.size(0);
        return nullptr;
      }).needsInputs(true));
  work();
  at::removeCallback(handle);
  return count;
}

/// Convolutions of more than one input channel in the backbone of the paper's network: the encoder has 24
/// with the stem, whose input has one channel; the decoder 3 in each of x8, x4, x2, 2 in x1, and its head.
inline constexpr std::int64_t kEncoderConvolutions = 23;
inline constexpr std::int64_t kDecoderConvolutions = 12;

}  // namespace totum
