#include "networks/dar_unet.h"

#include <string>

#include "networks/layers.h"

namespace totum {

namespace {

constexpr std::int64_t kLevels = 5;

// Between level - 1 and level; behind the stem.
std::array<std::int64_t, 3> stride_of(std::int64_t level) {
  return level <= 2 ? std::array<std::int64_t, 3>{1, 2, 2} : std::array<std::int64_t, 3>{2, 2, 2};
}

torch::nn::Conv3d conv_to(std::int64_t in, std::int64_t outputs) {
  return torch::nn::Conv3d(torch::nn::Conv3dOptions(in, outputs, 3).padding(1));
}

}  // namespace

DarUNetShape dar_unet_shape(std::int64_t base_width, std::int64_t stem_stride) {
  TORCH_CHECK(base_width > 0 && base_width % 16 == 0, "the backbone's width is ", base_width,
              "; must be a positive multiple of 16");
  TORCH_CHECK(stem_stride == 1 || stem_stride == 2, "stem_stride is ", stem_stride, "; must be 1 or 2");
  return {.width = base_width / 2, .stem_stride = stem_stride};
}

// Modules are registered in the order of the published code; initialisation and state follow that order.
DarUNetImpl::DarUNetImpl(const DarUNetShape& shape) : fuse_(nullptr) {
  const auto channels = [&](std::int64_t level) { return shape.width << level; };
  const std::int64_t stem = shape.stem_stride;
  down_.push_back(register_module(
      "down0", DarBlock(DarConvShape{1, channels(0), {stem, stem, stem}, true}, shape.block)));
  for (std::int64_t level = 1; level < kLevels; ++level) {
    down_.push_back(register_module(
        "down" + std::to_string(level),
        DarBlock(DarConvShape{channels(level - 1), channels(level), stride_of(level)}, shape.block)));
  }
  for (std::int64_t level = kLevels - 2; level >= 0; --level) {
    const std::string name = std::to_string(level);
    gates_.push_back(
        register_module("gate" + name, Gate(channels(level), channels(level + 1), stride_of(level + 1))));
    up_.push_back(register_module(
        "up" + name,
        DarBlock(DarConvShape{channels(level) + channels(level + 1), channels(level)}, shape.block)));
  }
  for (std::int64_t level = 0; level < kLevels; ++level) {
    sides_.push_back(
        register_module("side" + std::to_string(level), conv_to(channels(level), shape.outputs)));
  }
  fuse_ = register_module("fuse", conv_to(kLevels * shape.outputs, shape.outputs));
}

std::vector<at::Tensor> DarUNetImpl::encode(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 5 && x.size(1) == 1, "the network's input has shape ", x.sizes(),
              "; must be [B,1,D,H,W]");
  std::vector<at::Tensor> levels;
  at::Tensor y = x;
  for (DarBlock& block : down_) levels.push_back(y = block(y));
  return levels;
}

std::vector<at::Tensor> DarUNetImpl::side_logits(const at::Tensor& x) {
  std::vector<at::Tensor> levels = encode(x);
  for (std::size_t step = 0; step < up_.size(); ++step) {
    const std::size_t level = up_.size() - 1 - step;
    levels[level] = up_[step](gates_[step](levels[level], levels[level + 1]));
  }
  std::vector<at::Tensor> sides;
  for (std::size_t level = 0; level < sides_.size(); ++level) {
    sides.push_back(upsample_to(sides_[level](levels[level]), levels[0].sizes().slice(2)));
  }
  return sides;
}

at::Tensor DarUNetImpl::fused(const std::vector<at::Tensor>& sides, const at::Tensor& x) {
  return upsample_to(fuse_(at::cat(sides, 1)), x.sizes().slice(2));
}

std::array<at::Tensor, 6> DarUNetImpl::forward(const at::Tensor& x) {
  const std::vector<at::Tensor> sides = side_logits(x);
  std::array<at::Tensor, 6> outputs{fused(sides, x)};
  for (std::size_t level = 0; level < sides.size(); ++level) {
    outputs[level + 1] = upsample_to(sides[level], x.sizes().slice(2));
  }
  return outputs;
}

at::Tensor DarUNetImpl::predict(const at::Tensor& x) { return fused(side_logits(x), x); }

}  // namespace totum
