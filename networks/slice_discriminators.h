#pragma once
// Discriminators of the slice translator: of slices (is it a real slice of this modality?) and of content
// (does it come from CT?). Both are judged by least squares.
//
// Source: Yao et al., IEEE JBHI 2022; layers from its published code (models/discriminator.py). Least
// squares: Mao et al., ICCV 2017.

#include <torch/torch.h>

#include <vector>

namespace totum {

/// Convolutions of kernel 4 and stride 2 to w, 2w, 4w, 8w, 8w channels, then one of kernel 1 to one channel,
/// with their own weights on the slice at full, half and quarter size. Five convolutions at each size, or,
/// for slices below 256 pixels, as many as leave 2x2. 5,218,851 parameters at width 32.
class ImageDiscriminatorImpl final : public torch::nn::Module {
 public:
  ImageDiscriminatorImpl(std::int64_t width, std::int64_t slice_pixels);
  std::vector<at::Tensor> forward(const at::Tensor& x);  // [B,1,S,S] -> three of [B,1,s,s]

 private:
  std::vector<torch::nn::Sequential> scales_;
};
TORCH_MODULE(ImageDiscriminator);

/// The number of stride-2 convolutions of a content discriminator, each without padding: four, or as many as
/// leave 3x3 pixels; three for slices of 256 pixels, whose content has 64.
std::int64_t content_reductions(std::int64_t content_pixels);

class ContentDiscriminatorImpl final : public torch::nn::Module {
 public:
  ContentDiscriminatorImpl(std::int64_t channels, std::int64_t reductions);
  at::Tensor forward(const at::Tensor& content);  // [B,channels,h,w] -> [B,1,h',w']

 private:
  torch::nn::Sequential layers_;
};
TORCH_MODULE(ContentDiscriminator);

/// Mean of (output - target)², summed over the outputs.
at::Tensor least_squares(const std::vector<at::Tensor>& outputs, double target);

}  // namespace totum
