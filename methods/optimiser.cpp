#include "methods/optimiser.h"

#include <algorithm>
#include <cmath>

namespace totum {

namespace {

at::Tensor own_moment(at::Tensor moment, const at::Tensor& parameter) {
  return moment.defined() ? moment : at::zeros_like(parameter, at::MemoryFormat::Preserve);
}

// Adam whose step is one pass over each parameter on the CPU, where LibTorch's own takes about ten; the state
// is that of torch::optim::Adam. Parameters that a step's losses did not touch have no gradient and are
// skipped.
class OnePassAdam final : public torch::optim::Adam {
 public:
  using torch::optim::Adam::Adam;

  at::Tensor step(LossClosure closure = nullptr) override {
    TORCH_CHECK(closure == nullptr, "this optimiser takes no closure");
    const torch::NoGradGuard no_grad;
    for (auto& group : param_groups_) {
      const auto& options = static_cast<const torch::optim::AdamOptions&>(group.options());
      for (const at::Tensor& parameter : group.params()) {
        if (parameter.grad().defined()) step_one(parameter, options);
      }
    }
    return {};
  }

 private:
  void step_one(const at::Tensor& parameter, const torch::optim::AdamOptions& options) {
    auto& slot = state_[parameter.unsafeGetTensorImpl()];
    if (slot == nullptr) slot = std::make_unique<torch::optim::AdamParamState>();
    auto& state = static_cast<torch::optim::AdamParamState&>(*slot);
    state.exp_avg(own_moment(state.exp_avg(), parameter));
    state.exp_avg_sq(own_moment(state.exp_avg_sq(), parameter));
    state.step(state.step() + 1);
    const auto [beta1, beta2] = options.betas();
    const at::Tensor steps =
        at::full({}, static_cast<double>(state.step()), parameter.options().dtype(at::kFloat));
    at::_fused_adam_({parameter}, {parameter.grad()}, {state.exp_avg()}, {state.exp_avg_sq()}, {}, {steps},
                     options.lr(), beta1, beta2, options.weight_decay(), options.eps(), /*amsgrad=*/false,
                     /*maximize=*/false);
  }
};

}  // namespace

std::unique_ptr<torch::optim::Adam> make_adam(const std::vector<at::Tensor>& parameters,
                                              const OptimiserConfig& config) {
  const auto options = torch::optim::AdamOptions(config.learning_rate)
                           .betas({0.9, 0.999})
                           .eps(1e-8)
                           .weight_decay(config.weight_decay);
  const bool on_cpu =
      std::ranges::all_of(parameters, [](const at::Tensor& parameter) { return parameter.is_cpu(); });
  if (on_cpu) return std::make_unique<OnePassAdam>(parameters, options);
  return std::make_unique<torch::optim::Adam>(parameters, options);
}

void decay_weights(torch::optim::Adam& optimiser, double share) {
  const torch::NoGradGuard no_grad;
  for (auto& group : optimiser.param_groups()) {
    for (at::Tensor& parameter : group.params()) parameter.mul_(1 - share);
  }
}

double poly_learning_rate(double base, std::int64_t epoch, std::int64_t epochs, double power) {
  return base * std::pow(1.0 - static_cast<double>(epoch) / static_cast<double>(epochs), power);
}

void set_learning_rate(torch::optim::Adam& optimiser, double learning_rate) {
  for (auto& group : optimiser.param_groups()) {
    static_cast<torch::optim::AdamOptions&>(group.options()).lr(learning_rate);
  }
}

}  // namespace totum
