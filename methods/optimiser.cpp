#include "methods/optimiser.h"

#include <cmath>

namespace totum {

std::unique_ptr<torch::optim::Adam> make_adam(const std::vector<at::Tensor>& parameters,
                                              const OptimiserConfig& config) {
  return std::make_unique<torch::optim::Adam>(parameters, torch::optim::AdamOptions(config.learning_rate)
                                                              .betas({0.9, 0.999})
                                                              .eps(1e-8)
                                                              .weight_decay(config.weight_decay));
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
