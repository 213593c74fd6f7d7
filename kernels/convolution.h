#pragma once
// 3D convolution whose gradients on a GPU repeat bit by bit at full speed: for them cuDNN has deterministic
// algorithms too, but they take several times as long as its others (docs/gpu.md).

#include <ATen/core/Tensor.h>

namespace totum {

/// Convolution of x [B,I,D,H,W] with weight [O,I,k,k,k] and bias [O] or {}, zeros around: at::conv3d, with
/// the same stride and padding along each axis.
///
/// On a GPU in float32, with (k, stride) one of (1,1), (1,2), (3,1), (3,2), (4,2): with the gradients of
/// convolution_3d_with_own_gradients. All else is ATen's. The rest is cuDNN's, so results repeat if it is
/// told to be deterministic (pin_arithmetic).
at::Tensor convolution_3d(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                          std::int64_t stride, std::int64_t padding);

/// The same values for any device and type, with these gradients: the weight's by
/// convolution_weight_gradient; the input's, where stride and padding keep the size, as a convolution of the
/// output's gradient with the flipped weight. Has a first derivative, not a second (TORCH_CHECK).
at::Tensor convolution_3d_with_own_gradients(const at::Tensor& x, const at::Tensor& weight,
                                             const at::Tensor& bias, std::int64_t stride,
                                             std::int64_t padding);

/// The gradient of the weight [O,I,k,k,k] of a convolution.
///
/// x         [B,I,D,H,W]
/// gradient  [B,O,D',H',W'], of the convolution's output; on x's device, of x's type
///
/// Our kernel where convolution_3d says so; elsewhere at::convolution_backward, which defines it.
at::Tensor convolution_weight_gradient(const at::Tensor& x, const at::Tensor& gradient, std::int64_t kernel,
                                       std::int64_t stride, std::int64_t padding);

}  // namespace totum
