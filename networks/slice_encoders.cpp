#include "networks/slice_encoders.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "networks/slice_layers.h"

namespace totum {

namespace {

constexpr std::int64_t kMostReductions = 5;

torch::nn::Sequential residual_path(std::int64_t channels) {
  torch::nn::Sequential path;
  for (int half = 0; half < 2; ++half) {
    const std::string number = std::to_string(half);
    path->push_back("norm" + number, instance_norm(channels));
    path->push_back("act" + number, slice_activation());
    path->push_back("conv" + number, slice_conv({channels, channels, 3, 1, 1}));
  }
  return path;
}

}  // namespace

ContentEncoderImpl::ContentEncoderImpl(std::int64_t width) {
  down_ = register_module("down", torch::nn::Sequential());
  push_normed_conv(down_, {1, width, 7, 1, 3});
  push_normed_conv(down_, {width, 2 * width, 4, 2, 1});
  push_normed_conv(down_, {2 * width, 4 * width, 4, 2, 1});
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    blocks_[i] = register_module("block" + std::to_string(i), residual_path(4 * width));
  }
}

at::Tensor ContentEncoderImpl::forward(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 4 && x.size(2) % 4 == 0 && x.size(3) % 4 == 0, "slices have shape ", x.sizes(),
              "; must be [B,1,H,W] with H and W multiples of 4");
  at::Tensor y = down_->forward(x);
  for (auto& block : blocks_) y = (block->forward(y) + y) / std::sqrt(2.0);
  return y;
}

std::int64_t style_reductions(std::int64_t slice_pixels) {
  TORCH_CHECK(slice_pixels >= 8, "a slice has ", slice_pixels, " pixels; must be at least 8");
  std::int64_t reductions = 0;
  while (reductions < kMostReductions && (slice_pixels >> (reductions + 2)) > 0) ++reductions;
  return reductions;
}

StyleEncoderImpl::StyleEncoderImpl(std::int64_t width, std::int64_t reductions) : head_(nullptr) {
  down_ = register_module("down", torch::nn::Sequential());
  push_normed_conv(down_, {1, width, 7, 1, 3});
  std::int64_t in = width;
  for (std::int64_t i = 0; i < reductions; ++i) {
    const std::int64_t out = std::min(2 * in, 4 * width);
    push_normed_conv(down_, {in, out, 4, 2, 1});
    in = out;
  }
  head_ = register_module("head", slice_conv({in, kStyleNumbers, 1, 1, 0}));
}

at::Tensor StyleEncoderImpl::forward(const at::Tensor& x) {
  return head_(down_->forward(x).mean({2, 3}, true)).flatten(1);
}

}  // namespace totum
