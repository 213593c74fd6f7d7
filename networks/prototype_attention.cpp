#include "networks/prototype_attention.h"

namespace totum {

namespace {

constexpr double kHeads = 4;  // the mean of their dot products is the whole product divided by their number

torch::nn::Linear projection(std::int64_t channels) {
  return torch::nn::Linear(torch::nn::LinearOptions(channels, channels).bias(false));
}

}  // namespace

PrototypeAttentionImpl::PrototypeAttentionImpl(std::int64_t channels)
    : feature_norm_(
          register_module("feature_norm", torch::nn::LayerNorm(std::vector<std::int64_t>{channels}))),
      prototype_norm_(
          register_module("prototype_norm", torch::nn::LayerNorm(std::vector<std::int64_t>{channels}))),
      feature_projection_(register_module("feature_projection", projection(channels))),
      prototype_projection_(register_module("prototype_projection", projection(channels))) {}

at::Tensor PrototypeAttentionImpl::forward(const at::Tensor& features, const at::Tensor& prototypes) {
  const at::Tensor voxels = features.flatten(2).transpose(1, 2);                           // [B,N,n]
  const at::Tensor keys = feature_projection_(feature_norm_(voxels));                      // [B,N,n]
  const at::Tensor queries = prototype_projection_(prototype_norm_(prototypes.detach()));  // [C,n]
  const at::Tensor attention = at::matmul(queries, keys.transpose(1, 2)) / kHeads;         // [B,C,N]
  std::vector<std::int64_t> shape = features.sizes().vec();
  shape[1] = prototypes.size(0);
  return attention.reshape(shape);
}

}  // namespace totum
