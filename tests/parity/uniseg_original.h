#pragma once
// UniSeg as it was published, on its nnU-Net: the body is written here for comparison alone, prompt fusion
// and selection are totum's. Small: 5 poolings (the first 1x2x2), deep supervision.
//
// Source: yeerwen/UniSeg, Upstream/nnunet/network_architecture/Prompt_generic_UNet.py and generic_UNet.py.

#include <torch/torch.h>

#include <array>
#include <string>
#include <vector>

#include "networks/prompt_unet.h"

namespace totum::parity {

/// Convolution with bias, affine instance norm, LeakyReLU(.01).
class NormalisedConvImpl final : public torch::nn::Module {
 public:
  NormalisedConvImpl(std::int64_t in, std::int64_t out, torch::ExpandingArray<3> kernel,
                     torch::ExpandingArray<3> stride) {
    torch::ExpandingArray<3> padding(0);
    for (std::size_t axis = 0; axis < 3; ++axis) (*padding)[axis] = (*kernel)[axis] / 2;
    conv_ = register_module(
        "conv", torch::nn::Conv3d(torch::nn::Conv3dOptions(in, out, kernel).stride(stride).padding(padding)));
    if (in == 1) {  // the original has convolutions for inputs of 2 and 4 channels too, here unused
      for (const std::int64_t channels : {2, 4}) {
        register_module("conv_" + std::to_string(channels),
                        torch::nn::Conv3d(torch::nn::Conv3dOptions(channels, out, kernel)));
      }
    }
    norm_ = register_module("norm",
                            torch::nn::InstanceNorm3d(torch::nn::InstanceNorm3dOptions(out).affine(true)));
  }
  at::Tensor forward(const at::Tensor& x) { return at::leaky_relu(norm_(conv_(x)), 0.01); }

 private:
  torch::nn::Conv3d conv_{nullptr};
  torch::nn::InstanceNorm3d norm_{nullptr};
};
TORCH_MODULE(NormalisedConv);

class UniSegOriginalImpl final : public torch::nn::Module {
 public:
  UniSegOriginalImpl(const std::vector<std::int64_t>& prompt_shape, std::int64_t base, std::int64_t classes) {
    using Size = torch::ExpandingArray<3>;
    std::vector<std::int64_t> channels;
    for (std::int64_t depth = 0; depth < 6; ++depth) channels.push_back(base << depth);
    prompt_ = register_parameter("prompt", torch::zeros(prompt_shape));
    fusion_ = register_module("fusion", PromptFusion(channels.back(), prompt_shape[1]));
    for (std::size_t u = 5; u-- > 0;) {
      const std::string name = "localisation" + std::to_string(u);
      localisation_.push_back(
          {register_module(name + "_0", NormalisedConv(2 * channels[u], channels[u], 3, 1)),
           register_module(name + "_1", NormalisedConv(channels[u], channels[u], 3, 1))});
    }
    for (std::size_t d = 0; d < 6; ++d) {
      const std::string name = "context" + std::to_string(d);
      const std::int64_t in = d == 0 ? 1 : channels[d - 1];
      const Size kernel = d == 0 ? Size({1, 3, 3}) : Size(3);
      const Size stride = d == 0 ? Size(1) : d == 1 ? Size({1, 2, 2}) : Size(2);
      context_.push_back({register_module(name + "_0", NormalisedConv(in, channels[d], kernel, stride)),
                          register_module(name + "_1", NormalisedConv(channels[d], channels[d], kernel, 1))});
    }
    for (std::size_t u = 5; u-- > 0;) {
      const std::int64_t in = u == 4 ? channels[5] + 1 : channels[u + 1];  // with the task's prompt
      const Size kernel = u == 0 ? Size({1, 2, 2}) : Size(2);
      up_.push_back(register_module(
          "up" + std::to_string(u),
          torch::nn::ConvTranspose3d(
              torch::nn::ConvTranspose3dOptions(in, channels[u], kernel).stride(kernel).bias(false))));
    }
    for (std::size_t u = 5; u-- > 0;) {
      heads_.push_back(
          register_module("head" + std::to_string(u),
                          torch::nn::Conv3d(torch::nn::Conv3dOptions(channels[u], classes, 1).bias(false))));
    }
  }

  /// Logits from full size down to 1/16, as the original returns them.
  std::vector<at::Tensor> forward(at::Tensor x, const at::Tensor& task) {
    std::vector<at::Tensor> skips;
    for (auto& [first, second] : context_) {
      x = second(first(x));
      skips.push_back(x);
    }
    x = at::cat({x, select_prompts(fusion_(x, prompt_), task)}, 1);
    std::vector<at::Tensor> outputs;
    for (std::size_t u = 0; u < 5; ++u) {
      x = at::cat({up_[u](x), skips[4 - u]}, 1);
      x = localisation_[u].second(localisation_[u].first(x));
      outputs.insert(outputs.begin(), heads_[u](x));
    }
    return outputs;
  }

 private:
  at::Tensor prompt_;
  PromptFusion fusion_{nullptr};
  std::vector<std::pair<NormalisedConv, NormalisedConv>> localisation_;  // coarse to fine
  std::vector<std::pair<NormalisedConv, NormalisedConv>> context_;       // fine to coarse
  std::vector<torch::nn::ConvTranspose3d> up_;
  std::vector<torch::nn::Conv3d> heads_;
};
TORCH_MODULE(UniSegOriginal);

}  // namespace totum::parity
