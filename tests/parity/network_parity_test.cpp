// The networks against the published PyTorch modules: outputs and gradients, float64 (proves the formula) and
// float32 (the path used).

#include <gtest/gtest.h>

#include "networks/residual_unet.h"
#include "tests/parity/parity_fixture.h"

namespace totum {
namespace {

using parity::fixture;

void check_network(ResidualUNet network, const nlohmann::json& entry, at::ScalarType type) {
  network->to(type);
  const auto rows = parity::load_json(entry.at("parameters")).at("loss");
  parity::fill_parameters(*network, rows, entry.at("weight_gain"));
  const at::Tensor x = parity::formula_tensor(entry.at("inputs").at("x"), type);
  const at::Tensor logits = network->forward(x).logits;
  parity::expect_matches(logits, entry.at("tensors").at("logits"),
                         parity::stored(entry.at("expected"), "logits"));

  const at::Tensor w = parity::formula_tensor(entry.at("loss").at("terms").at(0).at("w"), type);
  const at::Tensor loss = (logits * w).mean();
  parity::expect_value(loss.item<double>(), entry.at("loss").at("value"), entry.at("loss").at("atol"),
                       type == at::kDouble);
  loss.backward();
  parity::expect_gradients(*network, rows);
}

class NetworkParity : public testing::TestWithParam<at::ScalarType> {};

TEST_P(NetworkParity, BackboneEqualsThePublishedModule) {
  check_network(ResidualUNet(backbone_shape(14, 32, 1)), fixture("baseline_net"), GetParam());
}

TEST_P(NetworkParity, RefinerEqualsThePublishedModule) {
  check_network(ResidualUNet(refiner_shape(24)), fixture("refiner_net"), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Precisions, NetworkParity, testing::Values(at::kDouble, at::kFloat),
                         [](const auto& test) { return test.param == at::kDouble ? "float64" : "float32"; });

}  // namespace
}  // namespace totum
