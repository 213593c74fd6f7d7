#pragma once
// The optimiser of every method unless said otherwise: Adam with L2 weight decay and a polynomial schedule.

#include <torch/torch.h>

#include <memory>
#include <vector>

#include "methods/method.h"

namespace totum {

/// Adam, betas (.9,.999), eps 1e-8, weight decay added to the gradient. Source: paper section 3; decay from
/// the code.
std::unique_ptr<torch::optim::Adam> make_adam(const std::vector<at::Tensor>& parameters,
                                              const OptimiserConfig& config);

/// θ <- (1 - share) θ for all its parameters: with share = learning rate · decay, before its step, and no
/// decay of its own, Adam becomes AdamW. Source: Loshchilov and Hutter, ICLR 2019.
void decay_weights(torch::optim::Adam& optimiser, double share);

/// base (1 - epoch/epochs)^power, set once per epoch.
double poly_learning_rate(double base, std::int64_t epoch, std::int64_t epochs, double power);
void set_learning_rate(torch::optim::Adam& optimiser, double learning_rate);

}  // namespace totum
