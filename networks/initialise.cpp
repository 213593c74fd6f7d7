#include "networks/initialise.h"

#include <cmath>
#include <string>
#include <vector>

#include "core/random.h"

namespace totum {

namespace {

void fill_uniform(at::Tensor parameter, double bound, RandomStream stream) {
  std::vector<float> values(static_cast<std::size_t>(parameter.numel()));
  for (float& value : values) value = static_cast<float>(stream.uniform(-bound, bound));
  parameter.copy_(at::from_blob(values.data(), parameter.sizes(), at::kFloat));
}

std::string sibling(const std::string& name, const char* other) {
  return name.substr(0, name.rfind('.') + 1) + other;
}

}  // namespace

void initialise_parameters(torch::nn::Module& module, std::uint64_t seed, std::string_view purpose) {
  const torch::NoGradGuard no_grad;
  const auto parameters = module.named_parameters();
  for (const auto& entry : parameters) {
    const std::string& name = entry.key();
    at::Tensor parameter = entry.value();
    const bool is_bias = name.ends_with("bias");
    const at::Tensor* weight = is_bias ? parameters.find(sibling(name, "weight")) : &entry.value();
    if (weight == nullptr || weight->dim() < 2) {  // normalisation
      parameter.fill_(is_bias ? 0.0 : 1.0);
      continue;
    }
    const double fan_in = static_cast<double>(weight->numel() / weight->size(0));
    fill_uniform(parameter, 1.0 / std::sqrt(fan_in), RandomStream(seed, std::string(purpose) + "/" + name));
  }
}

}  // namespace totum
