#include "networks/contrast_heads.h"

#include <string>

namespace totum {

namespace {

torch::nn::Sequential head(std::int64_t in) {
  return torch::nn::Sequential(torch::nn::Linear(in, kContrastWidth), torch::nn::BatchNorm1d(kContrastWidth),
                               torch::nn::ReLU(), torch::nn::Linear(kContrastWidth, kContrastWidth));
}

torch::nn::Sequential selector() {
  return torch::nn::Sequential(torch::nn::Linear(kContrastWidth, kContrastWidth),
                               torch::nn::BatchNorm1d(kContrastWidth),
                               torch::nn::LeakyReLU(torch::nn::LeakyReLUOptions().negative_slope(0.2)),
                               torch::nn::Linear(kContrastWidth, 1));
}

}  // namespace

ContrastHeadsImpl::ContrastHeadsImpl(std::int64_t features, std::int64_t classes)
    : projection_(register_module("projection", head(features))),
      prediction_(register_module("prediction", head(kContrastWidth))) {
  for (std::int64_t c = 0; c < classes; ++c) {
    const std::string number = std::to_string(c);
    feature_selectors_.push_back(register_module("feature_selector" + number, selector()));
    memory_selectors_.push_back(register_module("memory_selector" + number, selector()));
  }
}

at::Tensor ContrastHeadsImpl::feature_scores(std::size_t of_class, const at::Tensor& vectors) {
  return feature_selectors_[of_class]->forward(vectors).squeeze(1).sigmoid();
}

at::Tensor ContrastHeadsImpl::memory_scores(std::size_t of_class, const at::Tensor& vectors) {
  return memory_selectors_[of_class]->forward(vectors).squeeze(1).sigmoid();
}

}  // namespace totum
