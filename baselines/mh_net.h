#pragma once
// MH-Net: one encoder for all tasks, one decoder for each. An image goes through its own task's decoder; what
// is not one of the task's organs is that decoder's background.
//
// Source: Chen, Ma and Zheng, Med3D, arXiv:1904.00625 (2019). Its branches are simpler than a U-Net's
// decoder; here each branch is the shared backbone's decoder with a head of 1+|L_t| channels.

#include <memory>

#include "methods/method.h"

namespace totum {

/// No options.
std::unique_ptr<Method> make_mh_net(const MethodSetup& setup, JsonReader options);

}  // namespace totum
