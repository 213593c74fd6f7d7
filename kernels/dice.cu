// The loops of dice.h on a GPU. Sums go chunk by chunk in one order, without atomics: the same bytes each
// time.

#include <ATen/Dispatch.h>
#include <ATen/cuda/CUDAContext.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAGuard.h>

#include "kernels/dice_cuda.h"

namespace totum {

namespace {

constexpr int kThreads = 256;
constexpr int kPerThread = 16;  // values added in the tensor's own type before they enter a double
constexpr std::int64_t kChunk = kThreads * kPerThread;

struct Sums {
  double py = 0, pp = 0, yy = 0;
};

// Adds the sums of a block's threads pairwise; the total is what thread 0 returns.
__device__ Sums total_of_block(Sums mine) {
  __shared__ double py[kThreads], pp[kThreads], yy[kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  py[thread] = mine.py;
  pp[thread] = mine.pp;
  yy[thread] = mine.yy;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (thread >= half) continue;
    py[thread] += py[thread + half];
    pp[thread] += pp[thread + half];
    yy[thread] += yy[thread + half];
  }
  return {py[thread], pp[thread], yy[thread]};
}

// One block for each chunk of a row, blockIdx.x; rows by blockIdx.y.
template <typename T>
__global__ void sum_chunks_kernel(const T* __restrict__ p,     // [K,N]
                                  const T* __restrict__ y,     // [K,N]
                                  const T* __restrict__ mask,  // [K,N] or null
                                  double* __restrict__ sums,   // [K,chunks,3]
                                  std::int64_t voxels) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * voxels;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kChunk + threadIdx.x;
  T py = 0, pp = 0, yy = 0;
#pragma unroll
  for (int i = 0; i < kPerThread; ++i) {
    const std::int64_t v = first + static_cast<std::int64_t>(i) * kThreads;
    if (v >= voxels) continue;
    const T m = mask == nullptr ? T{1} : mask[row + v];
    const T a = p[row + v] * m;
    const T b = y[row + v] * m;
    py += a * b;
    pp += a * a;
    yy += b * b;
  }
  const Sums sum =
      total_of_block({static_cast<double>(py), static_cast<double>(pp), static_cast<double>(yy)});
  if (threadIdx.x != 0) return;
  double* out = sums + (static_cast<std::int64_t>(blockIdx.y) * gridDim.x + blockIdx.x) * 3;
  out[0] = sum.py;
  out[1] = sum.pp;
  out[2] = sum.yy;
}

// One block for each row.
template <typename T>
__global__ void finish_rows_kernel(const double* __restrict__ sums,  // [K,chunks,3]
                                   T* __restrict__ loss,             // [K]
                                   double* __restrict__ factors,     // [K,2]
                                   std::int64_t chunks, double epsilon) {
  const std::int64_t row = blockIdx.x;
  Sums mine;
  for (std::int64_t chunk = threadIdx.x; chunk < chunks; chunk += kThreads) {
    const double* in = sums + (row * chunks + chunk) * 3;
    mine.py += in[0];
    mine.pp += in[1];
    mine.yy += in[2];
  }
  const Sums sum = total_of_block(mine);
  if (threadIdx.x != 0) return;
  const double above = 2 * sum.py + epsilon;
  const double below = sum.pp + sum.yy + epsilon;
  loss[row] = static_cast<T>(1 - above / below);
  factors[2 * row] = -2 / below;
  factors[2 * row + 1] = 2 * above / (below * below);
}

// One thread for each voxel; rows by blockIdx.y.
template <typename T>
__global__ void gradient_kernel(const T* __restrict__ p,             // [K,N]
                                const T* __restrict__ y,             // [K,N]
                                const T* __restrict__ mask,          // [K,N] or null
                                const double* __restrict__ factors,  // [K,2]
                                T* __restrict__ gradient,            // [K,N]
                                std::int64_t voxels) {
  const std::int64_t voxel = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (voxel >= voxels) return;
  const std::int64_t row = blockIdx.y;
  const std::int64_t i = row * voxels + voxel;
  const T of_y = static_cast<T>(factors[2 * row]);
  const T of_p = static_cast<T>(factors[2 * row + 1]);
  const T m = mask == nullptr ? T{1} : mask[i];
  gradient[i] = (of_y * y[i] + of_p * p[i]) * (m * m);
}

dim3 grid_of(std::int64_t voxels, std::int64_t per_block, std::int64_t rows) {
  TORCH_CHECK(rows <= 65535, "masked_dice takes at most 65535 rows on a GPU; it got ", rows);
  return {static_cast<unsigned>((voxels + per_block - 1) / per_block), static_cast<unsigned>(rows)};
}

}  // namespace

DiceRows dice_rows_cuda(const at::Tensor& p, const at::Tensor& y, const at::Tensor& mask, double epsilon) {
  const c10::cuda::CUDAGuard guard(p.device());
  const std::int64_t rows = p.size(0);
  const dim3 grid = grid_of(p.size(1), kChunk, rows);
  const at::TensorOptions doubles = p.options().dtype(at::kDouble);
  DiceRows out{at::empty({rows}, p.options()), at::empty({rows, 2}, doubles)};
  if (rows == 0) return out;
  const at::Tensor sums = at::empty({rows, grid.x, 3}, doubles);
  const auto stream = at::cuda::getCurrentCUDAStream();
  AT_DISPATCH_FLOATING_TYPES(p.scalar_type(), "masked_dice", [&] {
    if (grid.x > 0) {
      sum_chunks_kernel<<<grid, kThreads, 0, stream>>>(
          p.const_data_ptr<scalar_t>(), y.const_data_ptr<scalar_t>(),
          mask.numel() > 0 ? mask.const_data_ptr<scalar_t>() : nullptr, sums.mutable_data_ptr<double>(),
          p.size(1));
      C10_CUDA_KERNEL_LAUNCH_CHECK();
    }
    finish_rows_kernel<<<static_cast<unsigned>(rows), kThreads, 0, stream>>>(
        sums.const_data_ptr<double>(), out.loss.mutable_data_ptr<scalar_t>(),
        out.factors.mutable_data_ptr<double>(), grid.x, epsilon);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  });
  return out;
}

at::Tensor dice_gradient_cuda(const at::Tensor& p, const at::Tensor& y, const at::Tensor& mask,
                              const at::Tensor& factors) {
  const c10::cuda::CUDAGuard guard(p.device());
  at::Tensor gradient = at::empty_like(p);
  if (p.numel() == 0) return gradient;
  const dim3 grid = grid_of(p.size(1), kThreads, p.size(0));
  AT_DISPATCH_FLOATING_TYPES(p.scalar_type(), "masked_dice_backward", [&] {
    gradient_kernel<<<grid, kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(
        p.const_data_ptr<scalar_t>(), y.const_data_ptr<scalar_t>(),
        mask.numel() > 0 ? mask.const_data_ptr<scalar_t>() : nullptr, factors.const_data_ptr<double>(),
        gradient.mutable_data_ptr<scalar_t>(), p.size(1));
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  });
  return gradient;
}

}  // namespace totum
