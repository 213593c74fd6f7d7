#pragma once
// DoDNet's network: the backbone ends in a head of three 1x1x1 convolutions whose filters a controller makes
// from the image and a task code.
//
// Source: Zhang et al., CVPR 2021, 1195-1204; sizes from its code (unet3D_DynConv882.py).

#include <torch/torch.h>

#include "networks/residual_unet.h"

namespace totum {

struct DynamicHeadShape {
  std::int64_t width = 8;    // channels in, and behind the first and the second convolution
  std::int64_t outputs = 5;  // K

  /// Numbers that make one head: weights and biases of three convolutions; 144 + 9K at width 8.
  [[nodiscard]] std::int64_t filters() const {
    return 2 * width * width + width * outputs + 2 * width + outputs;
  }
};

/// Three 1x1x1 convolutions width -> width -> width -> K with filters of each image's own, ReLU behind the
/// first two. features [B,width,D,H,W]; filters [B,shape.filters()]: the three weights (each row-major,
/// output first), then the three biases. Returns [B,K,D,H,W].
at::Tensor dynamic_head(const at::Tensor& features, const at::Tensor& filters, const DynamicHeadShape& shape);

/// What does not depend on the task.
struct DynamicFeatures {
  at::Tensor head_input;  // [B,width,…] at the stem's size
  at::Tensor image_code;  // [B,8w]: global average of ReLU(GN(bottleneck))
};

class DynamicUNetImpl final : public torch::nn::Module {
 public:
  /// `backbone.outputs` is ignored; `tasks` M is the length of the task code.
  DynamicUNetImpl(UNetShape backbone, std::int64_t tasks, const DynamicHeadShape& head);
  /// x [B,1,D,H,W], task_code [B,M] (one-hot) -> logits [B,K,D,H,W]
  at::Tensor forward(const at::Tensor& x, const at::Tensor& task_code);

  DynamicFeatures features(const at::Tensor& x);
  /// [B,n]: controller of [image code; task code].
  at::Tensor filters(const at::Tensor& image_code, const at::Tensor& task_code);
  /// Logits [B,K,D,H,W], upsampled to `size` (D,H,W of the image).
  at::Tensor logits(const DynamicFeatures& features, const at::Tensor& task_code, at::IntArrayRef size);

 private:
  DynamicHeadShape head_;
  UNetEncoder encoder_;
  UNetDecoder decoder_;  // its head is the pre-head: w -> width
  torch::nn::GroupNorm pool_norm_;
  torch::nn::Conv3d controller_;
};
TORCH_MODULE(DynamicUNet);

}  // namespace totum
