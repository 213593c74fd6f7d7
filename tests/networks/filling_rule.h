#pragma once
// The filling rule of the design's golden numbers: parameter tensors j = 0, 1, … in named_parameters() order;
// element i of tensor j gets s = sin(0.7 i + 1.3 j): convolution weights and biases 0.05 s, norm weights 1 +
// 0.1 s, norm biases 0.1 s.

#include <torch/torch.h>

#include <string>

namespace totum {

inline bool belongs_to_norm(const std::string& name) { return name.find("norm") != std::string::npos; }

inline void fill_by_rule(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  std::int64_t j = 0;
  for (auto& entry : module.named_parameters()) {
    at::Tensor parameter = entry.value();
    const at::Tensor s = (at::arange(parameter.numel(), at::kDouble) * 0.7 + 1.3 * static_cast<double>(j++))
                             .sin()
                             .view(parameter.sizes());
    const bool is_weight = entry.key().ends_with("weight");
    parameter.copy_(belongs_to_norm(entry.key()) ? (is_weight ? 1.0 + 0.1 * s : 0.1 * s) : 0.05 * s);
  }
}

inline at::Tensor sine_input(at::IntArrayRef shape) {
  std::int64_t count = 1;
  for (const std::int64_t axis : shape) count *= axis;
  return (at::arange(count, at::kDouble) * 0.01).sin().view(shape);
}

}  // namespace totum
