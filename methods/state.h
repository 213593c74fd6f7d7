#pragma once
// Helpers for Method::visit_state.

#include <torch/torch.h>

#include <string>

#include "methods/method.h"

namespace totum {

/// Visits all parameters and buffers of a module as PREFIX + their names.
void visit_module(StateVisitor& visitor, const std::string& prefix, torch::nn::Module& module);

/// SHA-256 over names, shapes and bytes of a method's tensors and counters (optimisers not included).
std::string state_sha256(Method& method);

}  // namespace totum
