// The gradient of a 3D convolution's weight: for each pair of channels and each tap, the sum over images and
// voxels of gradient times shifted input. A block takes 32 input channels (one for each lane), 8·P output
// channels (P for each of 8 warps) and a part of the voxels, and holds all taps' sums in registers. In one
// plane of outputs it reads a row of inputs once for all rows of outputs around it, a column once for those
// beside it. Parts are added in one order afterwards: the same bytes each time, on any GPU.

#include <ATen/cuda/CUDAContext.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_pipeline.h>

#include <algorithm>

#include "kernels/convolution_cuda.h"

namespace totum {

namespace {

constexpr int kWarps = 8;
constexpr int kLanes = 32;
constexpr int kPitch = kLanes + 1;      // floats between columns in shared memory: writes meet 32 banks
constexpr std::int64_t kBlocks = 1024;  // about so many share the work: fixed, since it orders the sums

struct Sizes {
  std::int64_t images, in_channels, out_channels;
  int in_d, in_h, in_w;
  int out_d, out_h, out_w;
  int padding;
  int w_parts, h_parts, part_rows;  // an output plane is cut into h_parts x w_parts, of part_rows rows each
  std::int64_t units;               // images * out_d * h_parts * w_parts
  std::int64_t block_units;         // consecutive ones, by one block
};

// K: the kernel's size; S: the stride; P: output channels of a warp.
template <int K, int S, int P>
struct Tile {
  static constexpr int kTaps = K * K * K;
  static constexpr int kUnroll = K == 1 ? 4 : (K == 3 ? 3 : 2);  // S * kUnroll is a multiple of K
  static constexpr int kColumns = S == 1 ? 24 : 12;              // of outputs
  static constexpr int kInColumns = S * (kColumns - 1) + K;
  static constexpr int kNewRows = K < S ? K : S;  // of inputs that the next row of outputs needs
  static constexpr int kRing = K + kNewRows;      // rows in use, and those on their way
  static constexpr int kRowFloats = kInColumns * kPitch;
  static constexpr int kInFloats = (kRing * K * kRowFloats + 3) / 4 * 4;
  static constexpr int kOutChannels = kWarps * P;
  static constexpr int kOutPitch = kOutChannels + 4;
  static constexpr int kBytes = 4 * (kInFloats + 2 * kColumns * kOutPitch);
  static_assert(kInColumns <= kLanes && kColumns % kUnroll == 0 && (S * kUnroll) % K == 0);
};

template <int K, int S, int P>
__global__ void __launch_bounds__(kWarps* kLanes)
    weight_gradient_kernel(const float* __restrict__ x,         // [B,I,D,H,W]
                           const float* __restrict__ gradient,  // [B,O,D',H',W']
                           float* __restrict__ parts,           // [gridDim.x,O,k^3,I]
                           const Sizes sizes) {
  using T = Tile<K, S, P>;
  extern __shared__ float4 shared[];
  float* const inputs = reinterpret_cast<float*>(shared);  // [ring][k][columns][pitch]
  float* const outputs = inputs + T::kInFloats;            // [2][columns][pitch]
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const int warp = static_cast<int>(threadIdx.x) / kLanes;
  const std::int64_t first_in = static_cast<std::int64_t>(blockIdx.z) * kLanes;
  const std::int64_t first_out = static_cast<std::int64_t>(blockIdx.y) * T::kOutChannels;
  // Lanes without a channel add up what they find, and are not written out.
  const int channels = static_cast<int>(min(sizes.in_channels - first_in, std::int64_t{kLanes}));
  const std::int64_t plane = static_cast<std::int64_t>(sizes.in_h) * sizes.in_w;
  const std::int64_t out_plane = static_cast<std::int64_t>(sizes.out_h) * sizes.out_w;

  float sums[P][T::kTaps];
#pragma unroll
  for (int p = 0; p < P; ++p) {
#pragma unroll
    for (int tap = 0; tap < T::kTaps; ++tap) sums[p][tap] = 0;
  }

  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * sizes.block_units;
  const std::int64_t end = min(begin + sizes.block_units, sizes.units);
  for (std::int64_t unit = begin; unit < end; ++unit) {
    std::int64_t rest = unit;
    const int w0 = static_cast<int>(rest % sizes.w_parts) * T::kColumns;
    rest /= sizes.w_parts;
    const int h0 = static_cast<int>(rest % sizes.h_parts) * sizes.part_rows;
    rest /= sizes.h_parts;
    const int d = static_cast<int>(rest % sizes.out_d);
    const std::int64_t image = rest / sizes.out_d;
    const int h_end = min(h0 + sizes.part_rows, sizes.out_h);

    // Rows of inputs [first, K) of output row h, lanes along w. What lies outside is zero.
    const auto load_inputs = [&](int h, int first) {
      const int w = S * w0 - sizes.padding + lane;
      if (lane >= T::kInColumns) return;
      for (int channel = warp; channel < channels; channel += kWarps) {
        const float* const volume = x + (image * sizes.in_channels + first_in + channel) * sizes.in_d * plane;
        for (int row = first; row < K; ++row) {
          const int in_h = S * h - sizes.padding + row;
          const int slot = (T::kNewRows * (h - h0) + row) % T::kRing;
          const bool inside = in_h >= 0 && in_h < sizes.in_h && w >= 0 && w < sizes.in_w;
#pragma unroll
          for (int k = 0; k < K; ++k) {
            const int in_d = S * d - sizes.padding + k;
            const bool real = inside && in_d >= 0 && in_d < sizes.in_d;
            const float* const from =
                real ? volume + in_d * plane + static_cast<std::int64_t>(in_h) * sizes.in_w + w : x;
            __pipeline_memcpy_async(inputs + (slot * K + k) * T::kRowFloats + lane * kPitch + channel, from,
                                    4, real ? 0 : 4);
          }
        }
      }
    };
    const auto load_outputs = [&](int h) {
      if (lane >= T::kColumns) return;
#pragma unroll
      for (int p = 0; p < P; ++p) {
        const int channel = warp * P + p;
        const bool real = w0 + lane < sizes.out_w && first_out + channel < sizes.out_channels;
        const float* const from =
            real ? gradient +
                       ((image * sizes.out_channels + first_out + channel) * sizes.out_d + d) * out_plane +
                       static_cast<std::int64_t>(h) * sizes.out_w + w0 + lane
                 : gradient;
        __pipeline_memcpy_async(outputs + ((h - h0) % 2 * T::kColumns + lane) * T::kOutPitch + channel, from,
                                4, real ? 0 : 4);
      }
    };

    __syncthreads();  // the unit before has been read
    load_inputs(h0, 0);
    load_outputs(h0);
    __pipeline_commit();
    for (int h = h0; h < h_end; ++h) {
      __pipeline_wait_prior(0);
      __syncthreads();
      if (h + 1 < h_end) {
        load_inputs(h + 1, K - T::kNewRows);
        load_outputs(h + 1);
        __pipeline_commit();
      }
      const float* rows[K];
#pragma unroll
      for (int row = 0; row < K; ++row) {
        rows[row] = inputs + (T::kNewRows * (h - h0) + row) % T::kRing * K * T::kRowFloats + lane;
      }
      const float* const out = outputs + (h - h0) % 2 * T::kColumns * T::kOutPitch + warp * P;
      float window[K][K][K];  // depth, row, column modulo K
#pragma unroll
      for (int column = 0; column < K - S; ++column) {
#pragma unroll
        for (int k = 0; k < K; ++k) {
#pragma unroll
          for (int row = 0; row < K; ++row) {
            window[k][row][column] = rows[row][k * T::kRowFloats + column * kPitch];
          }
        }
      }
#pragma unroll 1
      for (int o0 = 0; o0 < T::kColumns; o0 += T::kUnroll) {
#pragma unroll
        for (int u = 0; u < T::kUnroll; ++u) {
#pragma unroll
          for (int column = K > S ? K - S : 0; column < K; ++column) {
#pragma unroll
            for (int k = 0; k < K; ++k) {
#pragma unroll
              for (int row = 0; row < K; ++row) {
                window[k][row][(S * u + column) % K] =
                    rows[row][k * T::kRowFloats + (S * (o0 + u) + column) * kPitch];
              }
            }
          }
          float g[P];
#pragma unroll
          for (int p = 0; p < P; ++p) g[p] = out[(o0 + u) * T::kOutPitch + p];
#pragma unroll
          for (int k = 0; k < K; ++k) {
#pragma unroll
            for (int row = 0; row < K; ++row) {
#pragma unroll
              for (int column = 0; column < K; ++column) {
                const float value = window[k][row][(S * u + column) % K];
#pragma unroll
                for (int p = 0; p < P; ++p) sums[p][(k * K + row) * K + column] += g[p] * value;
              }
            }
          }
        }
      }
    }
  }

  if (lane >= channels) return;
#pragma unroll
  for (int p = 0; p < P; ++p) {
    const std::int64_t channel = first_out + warp * P + p;
    if (channel >= sizes.out_channels) continue;
    float* const to = parts +
                      (static_cast<std::int64_t>(blockIdx.x) * sizes.out_channels + channel) * T::kTaps *
                          sizes.in_channels +
                      first_in + lane;
#pragma unroll
    for (int tap = 0; tap < T::kTaps; ++tap) to[tap * sizes.in_channels] = sums[p][tap];
  }
}

// One thread for each element of [O,k^3,I].
__global__ void add_parts_kernel(const float* __restrict__ parts,  // [blocks,O,k^3,I]
                                 float* __restrict__ gradient,     // [O,I,k^3]
                                 std::int64_t blocks, std::int64_t elements, std::int64_t taps,
                                 std::int64_t channels) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= elements) return;
  double sum = 0;
#pragma unroll 8
  for (std::int64_t block = 0; block < blocks; ++block) sum += parts[block * elements + i];
  const std::int64_t channel = i % channels;
  const std::int64_t tap = i / channels % taps;
  const std::int64_t out = i / channels / taps;
  gradient[(out * channels + channel) * taps + tap] = static_cast<float>(sum);
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

template <int K, int S, int P>
at::Tensor weight_gradient(const at::Tensor& x, const at::Tensor& gradient, std::int64_t padding) {
  using T = Tile<K, S, P>;
  const auto in_size = [&](int axis) { return static_cast<int>(x.size(axis)); };
  const auto out_size = [&](int axis) { return static_cast<int>(gradient.size(axis)); };
  Sizes sizes{x.size(0),
              x.size(1),
              gradient.size(1),
              in_size(2),
              in_size(3),
              in_size(4),
              out_size(2),
              out_size(3),
              out_size(4),
              static_cast<int>(padding),
              0,
              0,
              0,
              0,
              0};
  const std::int64_t out_tiles = ceil_div(sizes.out_channels, T::kOutChannels);
  const std::int64_t in_tiles = ceil_div(sizes.in_channels, kLanes);
  const std::int64_t wanted = std::max<std::int64_t>(1, kBlocks / (out_tiles * in_tiles));
  sizes.w_parts = static_cast<int>(ceil_div(sizes.out_w, T::kColumns));
  const std::int64_t whole_units = sizes.images * sizes.out_d * sizes.w_parts;
  // Planes are cut into bands of rows only where there are too few of them; a band reads K - S rows more.
  const std::int64_t bands = std::clamp<std::int64_t>(wanted / whole_units, 1, ceil_div(sizes.out_h, 4));
  sizes.part_rows = static_cast<int>(ceil_div(sizes.out_h, bands));
  sizes.h_parts = static_cast<int>(ceil_div(sizes.out_h, sizes.part_rows));
  sizes.units = whole_units * sizes.h_parts;
  sizes.block_units = ceil_div(sizes.units, std::min(wanted, sizes.units));
  const std::int64_t blocks = ceil_div(sizes.units, sizes.block_units);
  TORCH_CHECK(out_tiles <= 65535 && in_tiles <= 65535, "too many channels for a GPU: ", x.sizes());

  const at::Tensor parts = at::empty({blocks, sizes.out_channels, T::kTaps, sizes.in_channels}, x.options());
  C10_CUDA_CHECK(cudaFuncSetAttribute(weight_gradient_kernel<K, S, P>,
                                      cudaFuncAttributeMaxDynamicSharedMemorySize, T::kBytes));
  const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(out_tiles),
                  static_cast<unsigned>(in_tiles));
  weight_gradient_kernel<K, S, P><<<grid, kWarps * kLanes, T::kBytes, at::cuda::getCurrentCUDAStream()>>>(
      x.const_data_ptr<float>(), gradient.const_data_ptr<float>(), parts.mutable_data_ptr<float>(), sizes);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  const at::Tensor sum = at::empty({sizes.out_channels, sizes.in_channels, K, K, K}, x.options());
  constexpr int kThreads = 256;
  add_parts_kernel<<<static_cast<unsigned>(ceil_div(sum.numel(), kThreads)), kThreads, 0,
                     at::cuda::getCurrentCUDAStream()>>>(parts.const_data_ptr<float>(),
                                                         sum.mutable_data_ptr<float>(), blocks, sum.numel(),
                                                         T::kTaps, sizes.in_channels);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return sum;
}

}  // namespace

bool has_weight_gradient_cuda(std::int64_t kernel, std::int64_t stride) {
  return (kernel == 1 && (stride == 1 || stride == 2)) || (kernel == 3 && (stride == 1 || stride == 2)) ||
         (kernel == 4 && stride == 2);
}

at::Tensor convolution_weight_gradient_cuda(const at::Tensor& x, const at::Tensor& gradient,
                                            std::int64_t kernel, std::int64_t stride, std::int64_t padding) {
  const c10::cuda::CUDAGuard guard(x.device());
  if (kernel == 1 && stride == 1) return weight_gradient<1, 1, 4>(x, gradient, padding);
  if (kernel == 1) return weight_gradient<1, 2, 4>(x, gradient, padding);
  if (kernel == 3 && stride == 1) return weight_gradient<3, 1, 4>(x, gradient, padding);
  if (kernel == 3) return weight_gradient<3, 2, 4>(x, gradient, padding);
  return weight_gradient<4, 2, 2>(x, gradient, padding);
}

}  // namespace totum
