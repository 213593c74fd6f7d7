#pragma once
// The slice translator: one content encoder and one decoder for both modalities, a style encoder for each.
// A slice's content with another modality's style is the same anatomy in that modality.
//
// Source: Yao et al., IEEE JBHI 2022 (published code: i2i_solver.py).

#include <torch/torch.h>

#include <array>

#include "networks/slice_encoders.h"
#include "networks/style_decoder.h"

namespace totum {

struct SliceTranslatorShape {
  std::int64_t width = 32;
  std::int64_t slice_pixels = 256;  // of training slices; fewer reductions for styles where it is small
};

class SliceTranslatorImpl final : public torch::nn::Module {
 public:
  explicit SliceTranslatorImpl(const SliceTranslatorShape& shape);
  /// x [B,1,H,W] in [-1,1], H and W multiples of 4 -> [B,4w,H/4,W/4]
  at::Tensor content(const at::Tensor& x) { return content_(x); }
  at::Tensor style(const at::Tensor& x, bool is_mr) { return styles_[is_mr ? 1 : 0](x); }  // -> [B,8]
  at::Tensor decode(const at::Tensor& content, const at::Tensor& style) { return decoder_(content, style); }

 private:
  ContentEncoder content_;
  std::array<StyleEncoder, 2> styles_;  // of CT, of MR
  StyleDecoder decoder_;
};
TORCH_MODULE(SliceTranslator);

}  // namespace totum
