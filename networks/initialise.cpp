#include "networks/initialise.h"

#include <cmath>
#include <string>
#include <vector>

#include "core/random.h"

namespace totum {

namespace {

template <class Draw>
void fill(at::Tensor parameter, const Draw& draw) {
  std::vector<float> values(static_cast<std::size_t>(parameter.numel()));
  for (float& value : values) value = static_cast<float>(draw());
  parameter.copy_(at::from_blob(values.data(), parameter.sizes(), at::kFloat));
}

std::string sibling(const std::string& name, const char* other) {
  return name.substr(0, name.rfind('.') + 1) + other;
}

// `draw_weight(stream, fan_in)` gives one number of a weight.
template <class DrawWeight>
void initialise(torch::nn::Module& module, std::uint64_t seed, std::string_view purpose,
                const DrawWeight& draw_weight) {
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
    const double bound = 1.0 / std::sqrt(fan_in);
    RandomStream stream(seed, std::string(purpose) + "/" + name);
    fill(parameter, [&] { return is_bias ? stream.uniform(-bound, bound) : draw_weight(stream, fan_in); });
  }
}

}  // namespace

void initialise_parameters(torch::nn::Module& module, std::uint64_t seed, std::string_view purpose) {
  initialise(module, seed, purpose, [](RandomStream& stream, double fan_in) {
    const double bound = 1.0 / std::sqrt(fan_in);
    return stream.uniform(-bound, bound);
  });
}

void initialise_he(torch::nn::Module& module, std::uint64_t seed, std::string_view purpose) {
  initialise(module, seed, purpose,
             [](RandomStream& stream, double fan_in) { return stream.normal(0.0, std::sqrt(2.0 / fan_in)); });
}

}  // namespace totum
