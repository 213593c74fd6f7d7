#pragma once
// UniSeg's network on the shared backbone: a learned prompt that all tasks share is fused with the image's
// features at the bottleneck; the channel of the wanted task goes on to the decoder.
//
// Source: Ye et al., MICCAI 2023, 508-518; its code (Prompt_generic_UNet.py) for FUSE and the prompt.

#include <torch/torch.h>

#include <array>
#include <vector>

#include "networks/residual_unet.h"

namespace totum {

/// FUSE: three 3x3x3 convolutions with bias, each with affine instance norm and LeakyReLU(.01):
/// channels + tasks -> (channels + tasks) div 4 -> the same -> tasks.
class PromptFusionImpl final : public torch::nn::Module {
 public:
  PromptFusionImpl(std::int64_t channels, std::int64_t tasks);
  /// features [B,channels,d,h,w]; prompt [1,tasks,d,h,w], the same for all images. Returns [B,tasks,d,h,w]:
  /// every task's prompt for each image.
  at::Tensor forward(const at::Tensor& features, const at::Tensor& prompt);

 private:
  std::vector<torch::nn::Conv3d> convs_;
  std::vector<torch::nn::InstanceNorm3d> norms_;
};
TORCH_MODULE(PromptFusion);

/// The channel of each image's task: prompts [B,tasks,d,h,w], task [B] int64 -> [B,1,d,h,w].
at::Tensor select_prompts(const at::Tensor& prompts, const at::Tensor& task);

class PromptUNetImpl final : public torch::nn::Module {
 public:
  /// patch_voxels (D,H,W) sets the prompt's size: that of the bottleneck, 1/16 of the stem's.
  PromptUNetImpl(const UNetShape& backbone, std::int64_t tasks,
                 const std::array<std::int64_t, 3>& patch_voxels);
  /// x [B,1,D,H,W], task [B] int64 -> logits [B,outputs,D,H,W]
  at::Tensor forward(const at::Tensor& x, const at::Tensor& task);

  UNetLevels encode(const at::Tensor& x) { return encoder_(x); }
  /// Fused prompts [B,tasks,…] of all tasks. Patches of another size than the prompt was made for take it
  /// trilinearly resized.
  at::Tensor prompts(const UNetLevels& levels);
  /// Logits [B,outputs,D,H,W] for one prompt an image, [B,1,…]; `size` is D,H,W of the image.
  at::Tensor decode(UNetLevels levels, const at::Tensor& prompt, at::IntArrayRef size);

  [[nodiscard]] at::Tensor universal_prompt() const { return prompt_; }  // [1,tasks,d,h,w]

 private:
  UNetEncoder encoder_;
  at::Tensor prompt_;
  PromptFusion fusion_;
  torch::nn::Conv3d projection_;  // [features; prompt] -> features: added skips need 8w channels
  UNetDecoder decoder_;
};
TORCH_MODULE(PromptUNet);

}  // namespace totum
