// The loops of trilinear.h on a GPU. The gradient gathers, axis by axis, what each input gave to its outputs;
// ATen's scatters it with atomic additions, whose order, hence result, differs from run to run.

#include <ATen/Dispatch.h>
#include <ATen/cuda/CUDAContext.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>

#include <limits>

#include "kernels/trilinear_cuda.h"

namespace totum {

namespace {

constexpr int kThreads = 256;

// One axis: `in` values become `out`. Output o lies at ((2o+1) in - out) / (2 out), in exact integers.
struct Axis {
  int in, out;

  // Between low and min(low + 1, in - 1), the latter with weight `share`.
  template <typename T>
  __device__ void locate(int o, int& low, T& share) const {
    const int numerator = max((2 * o + 1) * in - out, 0);
    low = numerator / (2 * out);
    share = static_cast<T>(numerator - low * 2 * out) / static_cast<T>(2 * out);
  }

  // With which weight input i entered output o.
  template <typename T>
  __device__ T weight(int i, int o) const {
    int low;
    T share;
    locate(o, low, share);
    const T of_low = low == i ? 1 - share : T{0};
    return min(low + 1, in - 1) == i ? of_low + share : of_low;
  }

  // Outputs outside [first(i), last(i)] lie at least one input away from i.
  __device__ int first(int i) const { return i == 0 ? 0 : max((2 * i - 1) * out / (2 * in) - 1, 0); }
  __device__ int last(int i) const {
    return i == in - 1 ? out - 1 : min((2 * i + 3) * out / (2 * in) + 1, out - 1);
  }
};

// One thread for each output voxel; x of a volume's plane by thread, planes of all volumes by blockIdx.z.
template <typename T>
__global__ void upsample_kernel(const T* __restrict__ x,  // [volumes,D,H,W]
                                T* __restrict__ y,        // [volumes,D',H',W']
                                Axis d, Axis h, Axis w, std::int64_t planes) {
  const int column = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int row = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
  if (column >= w.out || row >= h.out) return;
  int w_low, h_low;
  T w_share, h_share;
  w.locate(column, w_low, w_share);
  h.locate(row, h_low, h_share);
  const int w_high = min(w_low + 1, w.in - 1);
  const std::int64_t low_row = static_cast<std::int64_t>(h_low) * w.in;
  const std::int64_t high_row = static_cast<std::int64_t>(min(h_low + 1, h.in - 1)) * w.in;
  const auto in_plane = [&](const T* plane) {
    const T low = (1 - w_share) * plane[low_row + w_low] + w_share * plane[low_row + w_high];
    const T high = (1 - w_share) * plane[high_row + w_low] + w_share * plane[high_row + w_high];
    return (1 - h_share) * low + h_share * high;
  };
  for (std::int64_t plane = blockIdx.z; plane < planes; plane += gridDim.z) {
    int d_low;
    T d_share;
    d.locate(static_cast<int>(plane % d.out), d_low, d_share);
    const std::int64_t area = static_cast<std::int64_t>(h.in) * w.in;
    const T* volume = x + plane / d.out * d.in * area;
    const T near = in_plane(volume + d_low * area);
    const T far = in_plane(volume + min(d_low + 1, d.in - 1) * area);
    y[(plane * h.out + row) * w.out + column] = (1 - d_share) * near + d_share * far;
  }
}

// The transpose of one axis: [outer,out,inner] -> [outer,in,inner], one thread for each value it gathers.
template <typename T, typename Index>
__global__ void gather_axis_kernel(const T* __restrict__ dy, T* __restrict__ dx, Axis axis, Index inner,
                                   Index count) {
  const Index index = static_cast<Index>(blockIdx.x) * kThreads + threadIdx.x;
  if (index >= count) return;
  const Index column = index % inner;
  const int i = static_cast<int>(index / inner % axis.in);
  const T* from = dy + index / inner / axis.in * axis.out * inner + column;
  const int last = axis.last(i);
  T sum = 0;
  for (int o = axis.first(i); o <= last; ++o) sum += axis.weight<T>(i, o) * from[o * inner];
  dx[index] = sum;
}

template <typename T>
void gather_axis(const T* dy, T* dx, Axis axis, std::int64_t outer, std::int64_t inner) {
  const std::int64_t count = outer * axis.in * inner;
  const auto blocks = static_cast<unsigned>((count + kThreads - 1) / kThreads);
  const auto stream = at::cuda::getCurrentCUDAStream();
  if (outer * axis.out * inner < std::numeric_limits<std::int32_t>::max() &&
      count < std::numeric_limits<std::int32_t>::max() - kThreads) {  // 32-bit divisions are far cheaper
    gather_axis_kernel<T, std::int32_t><<<blocks, kThreads, 0, stream>>>(
        dy, dx, axis, static_cast<std::int32_t>(inner), static_cast<std::int32_t>(count));
  } else {
    gather_axis_kernel<T, std::int64_t><<<blocks, kThreads, 0, stream>>>(dy, dx, axis, inner, count);
  }
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

Axis axis_of(std::int64_t in, std::int64_t out) {
  TORCH_CHECK(in <= 16384 && out <= 16384, "upsample_trilinear takes axes of at most 16384 on a GPU");
  return {static_cast<int>(in), static_cast<int>(out)};
}

}  // namespace

at::Tensor upsample_trilinear_cuda(const at::Tensor& x, at::IntArrayRef size) {
  const c10::cuda::CUDAGuard guard(x.device());
  at::Tensor y = at::empty({x.size(0), x.size(1), size[0], size[1], size[2]}, x.options());
  const std::int64_t planes = x.size(0) * x.size(1) * size[0];
  const dim3 threads(32, 8);
  const dim3 grid(static_cast<unsigned>((size[2] + 31) / 32), static_cast<unsigned>((size[1] + 7) / 8),
                  static_cast<unsigned>(std::min<std::int64_t>(planes, 65535)));
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "upsample_trilinear", [&] {
    upsample_kernel<<<grid, threads, 0, at::cuda::getCurrentCUDAStream()>>>(
        x.const_data_ptr<scalar_t>(), y.mutable_data_ptr<scalar_t>(), axis_of(x.size(2), size[0]),
        axis_of(x.size(3), size[1]), axis_of(x.size(4), size[2]), planes);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  });
  return y;
}

at::Tensor upsample_trilinear_backward_cuda(const at::Tensor& gradient, at::IntArrayRef shape) {
  const c10::cuda::CUDAGuard guard(gradient.device());
  const auto size = gradient.sizes().slice(2);
  const std::int64_t volumes = shape[0] * shape[1];
  at::Tensor dx = at::empty(shape, gradient.options());
  const at::Tensor along_d = at::empty({volumes, shape[2], size[1], size[2]}, gradient.options());
  const at::Tensor along_h = at::empty({volumes, shape[2], shape[3], size[2]}, gradient.options());
  AT_DISPATCH_FLOATING_TYPES(gradient.scalar_type(), "upsample_trilinear_backward", [&] {
    auto* after_d = along_d.mutable_data_ptr<scalar_t>();
    auto* after_h = along_h.mutable_data_ptr<scalar_t>();
    gather_axis(gradient.const_data_ptr<scalar_t>(), after_d, axis_of(shape[2], size[0]), volumes,
                size[1] * size[2]);
    gather_axis(static_cast<const scalar_t*>(after_d), after_h, axis_of(shape[3], size[1]),
                volumes * shape[2], size[2]);
    gather_axis(static_cast<const scalar_t*>(after_h), dx.mutable_data_ptr<scalar_t>(),
                axis_of(shape[4], size[2]), volumes * shape[2] * shape[3], 1);
  });
  return dx;
}

}  // namespace totum
