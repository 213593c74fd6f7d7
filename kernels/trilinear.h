#pragma once
// Trilinear upsampling, axis by axis. LibTorch's CPU gradient scatters eight products for each output voxel;
// three passes along the axes do the same sums in a fifth of the time (benchmarks/kernels_benchmark.cpp).

#include <ATen/core/Tensor.h>

namespace totum {

/// Trilinear interpolation to another size, corners not aligned (PyTorch's align_corners = false).
///
/// x        [B,K,D,H,W] float32 or float64
/// size     D',H',W'
/// returns  [B,K,D',H',W']
///
/// Sums have one order, so any number of threads gives the same bytes, and a GPU repeats them (ATen's
/// gradient there doesn't); other types and devices take ATen's upsample_trilinear3d. Has a first derivative,
/// not a second (TORCH_CHECK).
at::Tensor upsample_trilinear(const at::Tensor& x, at::IntArrayRef size);

}  // namespace totum
