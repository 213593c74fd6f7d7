#pragma once
// Initial parameters from counter-based randomness, in the order of named_parameters().

#include <torch/torch.h>

#include <cstdint>
#include <string_view>

namespace totum {

/// PyTorch's defaults: convolution and linear weights and biases U(-1/sqrt(fan_in), 1/sqrt(fan_in)),
/// normalisation weights 1 and biases 0. The values depend on seed, purpose and the parameter's name only.
void initialise_parameters(torch::nn::Module& module, std::uint64_t seed, std::string_view purpose);

/// The same, but convolution and linear weights N(0, 2/fan_in). Source: He et al., ICCV 2015 (the image
/// translator's published code).
void initialise_he(torch::nn::Module& module, std::uint64_t seed, std::string_view purpose);

}  // namespace totum
