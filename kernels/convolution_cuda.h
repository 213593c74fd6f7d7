#pragma once
// What convolution.cpp calls for tensors on a GPU (CUDA build alone). Shapes as in convolution.h, checked
// there.

#include <ATen/core/Tensor.h>

namespace totum {

/// Is there a kernel for this cubic size and stride?
bool has_weight_gradient_cuda(std::int64_t kernel, std::int64_t stride);

/// x [B,I,D,H,W] and gradient [B,O,D',H',W'] contiguous, float32, not empty; returns [O,I,k,k,k].
at::Tensor convolution_weight_gradient_cuda(const at::Tensor& x, const at::Tensor& gradient,
                                            std::int64_t kernel, std::int64_t stride, std::int64_t padding);

}  // namespace totum
