#include "kernels/convolution.h"

#include <ATen/record_function.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <vector>

#include "kernels/convolution_cuda.h"

namespace totum {

namespace {

struct Attributes {
  std::int64_t kernel, stride, padding;
};

bool has_kernel([[maybe_unused]] const at::Tensor& x, [[maybe_unused]] const Attributes& attributes) {
#ifdef TOTUM_WITH_CUDA
  return x.is_cuda() && x.scalar_type() == at::kFloat &&
         has_weight_gradient_cuda(attributes.kernel, attributes.stride);
#else
  return false;
#endif
}

using Gradients = std::tuple<at::Tensor, at::Tensor, at::Tensor>;  // of x, weight, bias

Gradients gradients_by_aten(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& gradient,
                            const Attributes& attributes, std::array<bool, 3> wanted) {
  const std::vector<std::int64_t> strides(3, attributes.stride);
  const std::vector<std::int64_t> paddings(3, attributes.padding);
  return at::convolution_backward(gradient, x, weight, {}, strides, paddings, {1, 1, 1}, false, {0, 0, 0}, 1,
                                  wanted);
}

at::Tensor weight_gradient_of(const at::Tensor& x, const at::Tensor& gradient, const Attributes& attributes) {
  const std::int64_t kernel = attributes.kernel;
#ifdef TOTUM_WITH_CUDA
  if (has_kernel(x, attributes) && gradient.numel() > 0 && x.numel() > 0) {
    RECORD_FUNCTION("totum::convolution_weight_gradient", std::vector<c10::IValue>({x, gradient, kernel}));
    return convolution_weight_gradient_cuda(x.contiguous(), gradient.contiguous(), kernel, attributes.stride,
                                            attributes.padding);
  }
#endif
  // Its values don't matter: the weight's gradient doesn't depend on the weight.
  const at::Tensor weight = at::empty({gradient.size(1), x.size(1), kernel, kernel, kernel}, x.options());
  return std::get<1>(gradients_by_aten(x, weight, gradient, attributes, {false, true, false}));
}

// Along one axis, of the input's voxels that leave the same rest when divided by the stride: which taps reach
// them, and how the output's gradient must be padded (cropped, where negative) for them.
struct AxisTaps {
  std::int64_t first = 0;  // then every stride-th
  std::int64_t count = 0;
  std::int64_t before = 0, after = 0;
};

// x[s·q + rest] reaches y[q + o - j] by tap t + s·j, where t = (rest + padding) mod s, o = (rest + padding) /
// s.
AxisTaps taps_of(const Attributes& attributes, std::int64_t rest, std::int64_t in, std::int64_t out) {
  const auto& [kernel, stride, padding] = attributes;
  AxisTaps taps;
  taps.first = (rest + padding) % stride;
  taps.count = taps.first < kernel ? (kernel - 1 - taps.first) / stride + 1 : 0;
  const std::int64_t offset = (rest + padding) / stride;
  const std::int64_t voxels = rest < in ? (in - 1 - rest) / stride + 1 : 0;
  if (voxels == 0) taps.count = 0;
  taps.before = taps.count - 1 - offset;
  taps.after = voxels - 1 + offset - (out - 1);
  return taps;
}

using Rest = std::array<std::int64_t, 3>;  // of the voxel's place along each axis, divided by the stride

// The gradient of the input's voxels of one rest, a convolution of the output's gradient with stride 1;
// undefined if no tap reaches them.
at::Tensor gradient_at_rest(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& gradient,
                            const Attributes& attributes, const Rest& rest) {
  at::Tensor taps = weight;
  std::array<AxisTaps, 3> axes;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto axis = static_cast<std::int64_t>(i) + 2;
    axes[i] = taps_of(attributes, rest[i], x.size(axis), gradient.size(axis));
    if (axes[i].count == 0) return {};
    taps = taps.slice(axis, axes[i].first, attributes.kernel, attributes.stride);
  }
  const auto& [d, h, w] = axes;
  const at::Tensor flipped = taps.flip({2, 3, 4}).transpose(0, 1).contiguous();
  const bool pads_evenly = std::all_of(axes.begin(), axes.end(), [](const AxisTaps& axis) {
    return axis.before == axis.after && axis.before >= 0;
  });
  if (pads_evenly) return at::conv3d(gradient, flipped, {}, 1, {d.before, h.before, w.before});
  const std::array<std::int64_t, 6> padding{w.before, w.after, h.before, h.after, d.before, d.after};
  return at::conv3d(at::constant_pad_nd(gradient, padding), flipped);
}

// By cuDNN's forward algorithms, which are deterministic and fast; its deterministic ones for gradients at
// stride 2 take up to 50 times as long as its others.
at::Tensor input_gradient_of(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& gradient,
                             const Attributes& attributes) {
  const std::int64_t stride = attributes.stride;
  if (stride == 1) return gradient_at_rest(x, weight, gradient, attributes, {0, 0, 0});
  at::Tensor of_x = at::zeros_like(x, at::MemoryFormat::Contiguous);
  for (std::int64_t i = 0; i < stride * stride * stride; ++i) {
    const Rest rest{i / (stride * stride), i / stride % stride, i % stride};
    const at::Tensor part = gradient_at_rest(x, weight, gradient, attributes, rest);
    if (!part.defined()) continue;
    at::Tensor to = of_x;
    for (std::int64_t axis = 2; axis < 5; ++axis)
      to = to.slice(axis, rest[static_cast<std::size_t>(axis - 2)], x.size(axis), stride);
    to.copy_(part);
  }
  return of_x;
}

// A bias of no elements stands for none, since an undefined tensor can't pass through autograd.
class Convolution3d final : public torch::autograd::Function<Convolution3d> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight, const at::Tensor& bias, std::int64_t stride,
                            std::int64_t padding) {
    context->save_for_backward({x, weight});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    return at::conv3d(x, weight, bias.numel() > 0 ? bias : at::Tensor(), stride, padding);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "convolution_3d has no second derivative on a GPU");
    const auto saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const at::Tensor gradient = gradients[0].contiguous();
    const Attributes attributes{weight.size(-1), context->saved_data["stride"].toInt(),
                                context->saved_data["padding"].toInt()};
    at::Tensor of_x, of_weight, of_bias;
    if (context->needs_input_grad(0)) of_x = input_gradient_of(x, weight, gradient, attributes);
    if (context->needs_input_grad(1)) of_weight = weight_gradient_of(x, gradient, attributes);
    if (context->needs_input_grad(2)) of_bias = gradient.sum({0, 2, 3, 4});
    return {of_x, of_weight, of_bias, at::Tensor(), at::Tensor()};
  }
};

void check_shapes(const at::Tensor& x, const Attributes& attributes) {
  const auto& [kernel, stride, padding] = attributes;
  TORCH_CHECK(x.dim() == 5, "convolution_3d takes x [B,I,D,H,W]; it got ", x.sizes());
  TORCH_CHECK(stride >= 1 && padding >= 0, "convolution_3d got stride ", stride, " and padding ", padding,
              "; the stride must be positive, the padding not negative");
  for (std::int64_t axis = 2; axis < 5; ++axis) {
    TORCH_CHECK(x.size(axis) + 2 * padding >= kernel, "convolution_3d got x ", x.sizes(),
                ", which with padding ", padding, " is smaller than the kernel of ", kernel);
  }
}

Attributes checked_attributes(const at::Tensor& x, const at::Tensor& weight, std::int64_t stride,
                              std::int64_t padding) {
  TORCH_CHECK(weight.dim() == 5 && weight.size(2) == weight.size(3) && weight.size(3) == weight.size(4),
              "convolution_3d takes weight [O,I,k,k,k]; it got ", weight.sizes());
  const Attributes attributes{weight.size(-1), stride, padding};
  check_shapes(x, attributes);
  return attributes;
}

}  // namespace

at::Tensor convolution_3d(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                          std::int64_t stride, std::int64_t padding) {
  const Attributes attributes = checked_attributes(x, weight, stride, padding);
  const bool needs_gradient = at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad() ||
                                                             (bias.defined() && bias.requires_grad()));
  if (needs_gradient && has_kernel(x, attributes)) {
    return convolution_3d_with_own_gradients(x, weight, bias, stride, padding);
  }
  return at::conv3d(x, weight, bias, stride, padding);
}

at::Tensor convolution_3d_with_own_gradients(const at::Tensor& x, const at::Tensor& weight,
                                             const at::Tensor& bias, std::int64_t stride,
                                             std::int64_t padding) {
  (void)checked_attributes(x, weight, stride, padding);
  return Convolution3d::apply(x, weight, bias.defined() ? bias : at::empty({0}, x.options()), stride,
                              padding);
}

at::Tensor convolution_weight_gradient(const at::Tensor& x, const at::Tensor& gradient, std::int64_t kernel,
                                       std::int64_t stride, std::int64_t padding) {
  check_shapes(x, {kernel, stride, padding});
  TORCH_CHECK(gradient.dim() == 5 && gradient.size(0) == x.size(0),
              "the output's gradient must be [B,O,D',H',W']; it is ", gradient.sizes(), ", x is ", x.sizes());
  TORCH_CHECK(gradient.device() == x.device() && gradient.scalar_type() == x.scalar_type(),
              "x and the output's gradient must be on one device and of one type");
  for (std::int64_t axis = 2; axis < 5; ++axis) {
    TORCH_CHECK(gradient.size(axis) == (x.size(axis) + 2 * padding - kernel) / stride + 1,
                "the output's gradient has shape ", gradient.sizes(), ", which no convolution of x ",
                x.sizes(), " with kernel ", kernel, ", stride ", stride, ", padding ", padding, " has");
  }
  return weight_gradient_of(x, gradient, {kernel, stride, padding});
}

}  // namespace totum
