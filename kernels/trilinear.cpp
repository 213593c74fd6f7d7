#include "kernels/trilinear.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/trilinear_cuda.h"

namespace totum {

namespace {

// Between which two inputs each output of one axis lies.
struct AxisMap {
  std::int64_t in = 0;
  std::int64_t out = 0;
  std::vector<std::int64_t> low, high;  // [out]
  std::vector<double> share;            // [out] weight of `high`
};

AxisMap map_axis(std::int64_t in, std::int64_t out) {
  AxisMap map{in, out, {}, {}, {}};
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  for (std::int64_t o = 0; o < out; ++o) {
    const double source = std::max((static_cast<double>(o) + 0.5) * scale - 0.5, 0.0);
    const auto low = std::min(static_cast<std::int64_t>(source), in - 1);
    map.low.push_back(low);
    map.high.push_back(std::min(low + 1, in - 1));
    map.share.push_back(source - static_cast<double>(low));
  }
  return map;
}

// [outer,in,inner] -> [outer,out,inner].
template <typename T>
void interpolate(const AxisMap& map, std::int64_t outer, std::int64_t inner, const T* x, T* y) {
  for (std::int64_t i = 0; i < outer; ++i, x += map.in * inner) {
    for (std::size_t o = 0; o < map.share.size(); ++o, y += inner) {
      const T* low = x + map.low[o] * inner;
      const T* high = x + map.high[o] * inner;
      const T b = static_cast<T>(map.share[o]);
      const T a = 1 - b;
      for (std::int64_t v = 0; v < inner; ++v) y[v] = a * low[v] + b * high[v];
    }
  }
}

// The transpose: [outer,out,inner] -> [outer,in,inner].
template <typename T>
void gather_back(const AxisMap& map, std::int64_t outer, std::int64_t inner, const T* dy, T* dx) {
  std::fill(dx, dx + outer * map.in * inner, T{0});
  for (std::int64_t i = 0; i < outer; ++i, dx += map.in * inner) {
    for (std::size_t o = 0; o < map.share.size(); ++o, dy += inner) {
      T* low = dx + map.low[o] * inner;
      T* high = dx + map.high[o] * inner;
      const T b = static_cast<T>(map.share[o]);
      const T a = 1 - b;
      for (std::int64_t v = 0; v < inner; ++v) low[v] += a * dy[v];
      for (std::int64_t v = 0; v < inner; ++v) high[v] += b * dy[v];
    }
  }
}

struct Maps {
  AxisMap d, h, w;
};

Maps maps_of(at::IntArrayRef from, at::IntArrayRef to) {
  return {map_axis(from[0], to[0]), map_axis(from[1], to[1]), map_axis(from[2], to[2])};
}

// Each volume by itself: the short axis pass first where there is least to do.
template <typename T>
void upsample_volumes(const Maps& maps, std::int64_t volumes, const T* x, T* y) {
  const auto& [d, h, w] = maps;
  at::parallel_for(0, volumes, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<T> along_w(static_cast<std::size_t>(d.in * h.in * w.out));
    std::vector<T> along_h(static_cast<std::size_t>(d.in * h.out * w.out));
    for (std::int64_t i = begin; i < end; ++i) {
      interpolate(w, d.in * h.in, 1, x + i * d.in * h.in * w.in, along_w.data());
      interpolate(h, d.in, w.out, along_w.data(), along_h.data());
      interpolate(d, 1, h.out * w.out, along_h.data(), y + i * d.out * h.out * w.out);
    }
  });
}

template <typename T>
void gather_volumes_back(const Maps& maps, std::int64_t volumes, const T* dy, T* dx) {
  const auto& [d, h, w] = maps;
  at::parallel_for(0, volumes, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<T> along_d(static_cast<std::size_t>(d.in * h.out * w.out));
    std::vector<T> along_h(static_cast<std::size_t>(d.in * h.in * w.out));
    for (std::int64_t i = begin; i < end; ++i) {
      gather_back(d, 1, h.out * w.out, dy + i * d.out * h.out * w.out, along_d.data());
      gather_back(h, d.in, w.out, along_d.data(), along_h.data());
      gather_back(w, d.in * h.in, 1, along_h.data(), dx + i * d.in * h.in * w.in);
    }
  });
}

at::Tensor forward_cpu(const at::Tensor& input, at::IntArrayRef size) {
  const at::Tensor x = input.contiguous();
  at::Tensor y = at::empty({x.size(0), x.size(1), size[0], size[1], size[2]}, x.options());
  const Maps maps = maps_of(x.sizes().slice(2), size);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "upsample_trilinear", [&] {
    upsample_volumes(maps, x.size(0) * x.size(1), x.const_data_ptr<scalar_t>(),
                     y.mutable_data_ptr<scalar_t>());
  });
  return y;
}

at::Tensor backward_cpu(const at::Tensor& gradient, at::IntArrayRef shape) {
  const at::Tensor dy = gradient.contiguous();
  at::Tensor dx = at::empty(shape, dy.options());
  const Maps maps = maps_of(shape.slice(2), dy.sizes().slice(2));
  AT_DISPATCH_FLOATING_TYPES(dy.scalar_type(), "upsample_trilinear_backward", [&] {
    gather_volumes_back(maps, shape[0] * shape[1], dy.const_data_ptr<scalar_t>(),
                        dx.mutable_data_ptr<scalar_t>());
  });
  return dx;
}

at::Tensor forward_of(const at::Tensor& x, at::IntArrayRef size) {
#ifdef TOTUM_WITH_CUDA
  if (x.is_cuda()) return upsample_trilinear_cuda(x.contiguous(), size);
#endif
  return forward_cpu(x, size);
}

at::Tensor backward_of(const at::Tensor& gradient, at::IntArrayRef shape) {
#ifdef TOTUM_WITH_CUDA
  if (gradient.is_cuda()) return upsample_trilinear_backward_cuda(gradient.contiguous(), shape);
#endif
  return backward_cpu(gradient, shape);
}

class UpsampleTrilinear final : public torch::autograd::Function<UpsampleTrilinear> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            std::vector<std::int64_t> size) {
    context->saved_data["shape"] = x.sizes().vec();
    return forward_of(x, size);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "upsample_trilinear has no second derivative");
    return {backward_of(gradients[0], context->saved_data["shape"].toIntVector()), at::Tensor()};
  }
};

}  // namespace

at::Tensor upsample_trilinear(const at::Tensor& x, at::IntArrayRef size) {
  TORCH_CHECK(x.dim() == 5 && size.size() == 3, "upsample_trilinear takes [B,K,D,H,W] and three sizes");
  const bool is_ours =
      (x.is_cpu() || x.is_cuda()) && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble);
  if (!is_ours || x.numel() == 0) return at::upsample_trilinear3d(x, size, /*align_corners=*/false);
  if (!at::GradMode::is_enabled() || !x.requires_grad()) return forward_of(x, size);
  return UpsampleTrilinear::apply(x, size.vec());
}

}  // namespace totum
