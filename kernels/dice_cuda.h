#pragma once
// What dice.cpp calls for tensors on a GPU (CUDA build alone). Shapes as in dice.h, checked there.

#include <ATen/core/Tensor.h>

namespace totum {

/// Loss of each row, and the two factors of its gradient m² (of_y y + of_p p).
struct DiceRows {
  at::Tensor loss;     // [K]
  at::Tensor factors;  // [K,2] double: of_y, of_p
};

/// p, y, mask [K,N] contiguous, float32 or float64; a mask of no elements stands for none.
DiceRows dice_rows_cuda(const at::Tensor& p, const at::Tensor& y, const at::Tensor& mask, double epsilon);

/// factors [K,2], already times the gradient of each row's loss. Returns the gradient of p [K,N].
at::Tensor dice_gradient_cuda(const at::Tensor& p, const at::Tensor& y, const at::Tensor& mask,
                              const at::Tensor& factors);

}  // namespace totum
