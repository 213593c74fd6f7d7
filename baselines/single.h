#pragma once
// Single: one independent network for each task, trained on its task's cases only. What is not one of the
// task's organs is its background.
//
// Source: the paper's first baseline (section 3); nothing more is published on it.

#include <memory>

#include "methods/method.h"

namespace totum {

/// No options.
std::unique_ptr<Method> make_single(const MethodSetup& setup, JsonReader options);

}  // namespace totum
