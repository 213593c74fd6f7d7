#pragma once
// What trilinear.cpp calls for tensors on a GPU (CUDA build alone). Shapes as in trilinear.h, checked there.

#include <ATen/core/Tensor.h>

namespace totum {

/// x [B,K,D,H,W] contiguous, float32 or float64, not empty; returns [B,K,D',H',W'].
at::Tensor upsample_trilinear_cuda(const at::Tensor& x, at::IntArrayRef size);

/// gradient [B,K,D',H',W'] contiguous; returns the gradient of x, of `shape` [B,K,D,H,W].
at::Tensor upsample_trilinear_backward_cuda(const at::Tensor& gradient, at::IntArrayRef shape);

}  // namespace totum
