#include "networks/dar_blocks.h"

#include <string>

namespace totum {

namespace {

constexpr std::int64_t kGroupChannels = 8;

torch::nn::GroupNorm group_norm(std::int64_t channels) {
  TORCH_CHECK(channels % kGroupChannels == 0, "a norm of DAR-UNet has ", channels,
              " channels; must be a multiple of ", kGroupChannels);
  return torch::nn::GroupNorm(channels / kGroupChannels, channels);
}

torch::nn::LeakyReLU leaky() {
  return torch::nn::LeakyReLU(torch::nn::LeakyReLUOptions().negative_slope(0.01).inplace(true));
}

torch::nn::Conv3d conv3(std::int64_t in, std::int64_t out, const std::array<std::int64_t, 3>& stride) {
  return torch::nn::Conv3d(
      torch::nn::Conv3dOptions(in, out, 3).padding(1).stride({stride[0], stride[1], stride[2]}));
}

// Modules that names tell apart: "norm0", "conv0", …
class NamedSequence {
 public:
  void norm(std::int64_t channels) { sequence_->push_back(name("norm"), group_norm(channels)); }
  void activation() { sequence_->push_back(name("act"), leaky()); }
  template <class Module>
  void add(const char* kind, Module module) {
    sequence_->push_back(name(kind), std::move(module));
  }
  [[nodiscard]] torch::nn::Sequential take() { return std::move(sequence_); }

 private:
  std::string name(const char* kind) { return kind + std::to_string(count_++); }
  std::int64_t count_ = 0;
  torch::nn::Sequential sequence_;
};

torch::nn::Sequential main_path(const DarConvShape& shape) {
  NamedSequence path;
  if (!shape.from_image) {
    path.norm(shape.in);
    path.activation();
  }
  path.add("conv", conv3(shape.in, shape.out, shape.stride));
  for (int i = 0; i < 2; ++i) {
    path.norm(shape.out);
    path.activation();
    path.add("conv", conv3(shape.out, shape.out, {1, 1, 1}));
  }
  return path.take();
}

torch::nn::Sequential shortcut(const DarConvShape& shape) {
  NamedSequence path;
  path.add("conv", conv3(shape.in, shape.out, shape.stride));
  path.norm(shape.out);
  return path.take();
}

// Norm, activation, convolution of a gate.
NamedSequence gate_path(std::int64_t in, torch::nn::Conv3d conv) {
  NamedSequence path;
  path.norm(in);
  path.activation();
  path.add("conv", std::move(conv));
  return path;
}

// convolution 7x7x7 of two channels to one, [B,2,D,H,W] -> [B,1,D,H,W], as two-dimensional ones of all slices
// (one output for each of the kernel's slices) that are shifted and summed: LibTorch's gradient of so few
// channels takes three times as long in three dimensions on a CPU.
at::Tensor convolve_by_slices(const at::Tensor& x, const at::Tensor& weight) {
  const std::int64_t depth = x.size(2);
  const at::Tensor slices = x.transpose(1, 2).flatten(0, 1);  // [B D,2,H,W]
  const at::Tensor kernels = weight[0].transpose(0, 1);       // [7,2,7,7]
  const at::Tensor taps = at::conv2d(slices, kernels, {}, 1, 3).unflatten(0, {x.size(0), depth});
  at::Tensor sum;  // [B,D,H,W]
  const std::vector<at::Tensor> by_tap = taps.unbind(2);
  for (std::size_t tap = 0; tap < by_tap.size(); ++tap) {
    const auto shift = 3 - static_cast<std::int64_t>(tap);
    if (std::abs(shift) >= depth) continue;  // sees nothing but padding
    const at::Tensor shifted = at::constant_pad_nd(by_tap[tap], {0, 0, 0, 0, shift, -shift});
    sum = sum.defined() ? sum + shifted : shifted;
  }
  return sum.unsqueeze(1);
}

}  // namespace

AxisAttentionImpl::AxisAttentionImpl(std::int64_t axis, const DarBlockShape& shape)
    : axis_(axis),
      conv_(register_module("conv",
                            torch::nn::Conv3d(torch::nn::Conv3dOptions(2, 1, 7).padding(3).bias(false)))),
      norm_(register_module(
          "norm", torch::nn::BatchNorm3d(torch::nn::BatchNorm3dOptions(1).momentum(shape.norm_momentum)))) {}

at::Tensor AxisAttentionImpl::forward(const at::Tensor& x) {
  const at::Tensor swapped = axis_ == 1 ? x : x.transpose(1, axis_);
  const at::Tensor pooled = at::cat({swapped.amax(1, true), swapped.mean(1, true)}, 1);  // [B,2,…]
  const at::Tensor map = x.is_cpu() ? convolve_by_slices(pooled, conv_->weight) : conv_(pooled);
  const at::Tensor scaled = swapped * norm_(map).sigmoid();
  return axis_ == 1 ? scaled : scaled.transpose(1, axis_);
}

QuadAttentionImpl::QuadAttentionImpl(const DarBlockShape& shape) {
  for (std::int64_t axis = 1; axis <= 4; ++axis) {
    branches_.push_back(register_module("axis" + std::to_string(axis), AxisAttention(axis, shape)));
  }
}

at::Tensor QuadAttentionImpl::forward(const at::Tensor& x) {
  at::Tensor sum = branches_[0](x);
  for (std::size_t axis = 1; axis < branches_.size(); ++axis) sum = sum + branches_[axis](x);
  return sum / static_cast<double>(branches_.size());
}

DarBlockImpl::DarBlockImpl(const DarConvShape& conv, const DarBlockShape& shape)
    : main_(register_module("main", main_path(conv))),
      shortcut_(register_module("shortcut", shortcut(conv))),
      attention_(register_module("attention", QuadAttention(shape))) {}

at::Tensor DarBlockImpl::forward(const at::Tensor& x) {
  return attention_(main_->forward(x) + shortcut_->forward(x));
}

GateImpl::GateImpl(std::int64_t encoder_channels, std::int64_t decoder_channels,
                   const std::array<std::int64_t, 3>& stride)
    : stride_(stride),
      encoder_(register_module(
          "encoder",
          gate_path(encoder_channels, conv3(encoder_channels, decoder_channels, {1, 1, 1})).take())),
      decoder_(register_module(
          "decoder",
          gate_path(decoder_channels, conv3(decoder_channels, decoder_channels, {1, 1, 1})).take())),
      attention_(register_module(
          "attention",
          gate_path(decoder_channels, torch::nn::Conv3d(torch::nn::Conv3dOptions(decoder_channels, 1, 1)))
              .take())),
      up_(register_module("up", torch::nn::ConvTranspose3d(
                                    torch::nn::ConvTranspose3dOptions(decoder_channels, decoder_channels, 3)
                                        .stride({stride[0], stride[1], stride[2]})
                                        .padding(1)))) {}

at::Tensor GateImpl::attention(const at::Tensor& encoder, const at::Tensor& decoder) {
  // Rounding up, as a strided convolution of kernel 3 does: the same at every even size.
  const at::Tensor pooled = at::max_pool3d(encoder_->forward(encoder), stride_, stride_, 0, 1, true);
  return attention_->forward(pooled + decoder_->forward(decoder));
}

at::Tensor GateImpl::forward(const at::Tensor& encoder, const at::Tensor& decoder) {
  const at::Tensor gated = attention(encoder, decoder) * decoder;
  return at::cat({up_->forward(gated, encoder.sizes().slice(2)), encoder}, 1);
}

}  // namespace totum
