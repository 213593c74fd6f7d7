// The networks against the published PyTorch modules: outputs and gradients, float64 (proves the formula) and
// float32 (the path used).

#include <gtest/gtest.h>

#include "networks/discriminator.h"
#include "networks/prototype_attention.h"
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

TEST_P(NetworkParity, DiscriminatorEqualsThePublishedModule) {
  const auto entry = fixture("discriminator_net");
  const auto rows = parity::load_json(entry.at("parameters")).at("loss");
  const at::Tensor x = parity::formula_tensor(entry.at("inputs").at("x"), GetParam());
  Discriminator network(rows.at(0).at("shape").at(0), discriminator_layers(x.sizes().slice(2)));
  network->to(GetParam());
  parity::fill_parameters(*network, rows, entry.at("weight_gain"));
  const at::Tensor logits = network->forward(x);
  parity::expect_matches(logits, entry.at("tensors").at("out"), parity::stored(entry.at("expected"), "out"));
  const at::Tensor w = parity::formula_tensor(entry.at("loss").at("terms").at(0).at("w"), GetParam());
  const at::Tensor loss = (logits * w).mean();
  parity::expect_value(loss.item<double>(), entry.at("loss").at("value"), entry.at("loss").at("atol"),
                       GetParam() == at::kDouble);
  loss.backward();
  parity::expect_gradients(*network, rows);
}

// The published rows by name, below a module's prefix ("eam84.").
std::map<std::string, nlohmann::json> rows_by_name(const nlohmann::json& rows, const std::string& prefix) {
  std::map<std::string, nlohmann::json> named;
  for (const auto& row : rows) {
    const std::string name = row.at("name");
    if (name.starts_with(prefix)) named[name.substr(prefix.size())] = row;
  }
  return named;
}

// The published attention computes keys and values in one projection, keys first; values and the output
// projection take part in no loss. Its norm2 is that of the features, norm3 that of the prototypes.
PrototypeAttention published_attention(const std::map<std::string, nlohmann::json>& rows, double gain,
                                       at::ScalarType type) {
  const auto values = [&](const char* name) {
    const auto& row = rows.at(name);
    return parity::formula_parameter(row.at("shape"), row.at("kind"), row.at("k"), gain, type);
  };
  const at::Tensor query = values("q.weight");
  const std::int64_t channels = query.size(0);
  PrototypeAttention attention(channels);
  attention->to(type);
  const torch::NoGradGuard no_grad;
  auto p = attention->named_parameters();
  p["feature_norm.weight"].copy_(values("norm2.weight"));
  p["feature_norm.bias"].copy_(values("norm2.bias"));
  p["prototype_norm.weight"].copy_(values("norm3.weight"));
  p["prototype_norm.bias"].copy_(values("norm3.bias"));
  p["feature_projection.weight"].copy_(values("kv.weight").slice(0, 0, channels));
  p["prototype_projection.weight"].copy_(query);
  return attention;
}

TEST_P(NetworkParity, Fidelity8AttentionEqualsTheFourHeadMeanOfThePublishedModule) {
  for (const auto& entry : parity::fixtures_with("eam_")) {
    const std::string name = entry.at("name");
    const auto rows = rows_by_name(parity::load_json(entry.at("parameters")).at("loss"), "");
    PrototypeAttention attention = published_attention(rows, entry.at("weight_gain"), GetParam());
    const at::Tensor features = parity::formula_tensor(entry.at("inputs").at("features"), GetParam());
    const at::Tensor tokens = parity::formula_tensor(entry.at("inputs").at("tokens"), GetParam());
    const at::Tensor expected = parity::stored(entry.at("expected"), "attn").mean(1);  // [B,C,N]
    const auto& row = entry.at("tensors").at("attn");
    const double scale = row.at("max_abs").get<double>();
    const double atol = GetParam() == at::kDouble ? 2e-7 * scale : row.at("atol").get<double>();
    for (std::int64_t b = 0; b < features.size(0); ++b) {
      const at::Tensor image = features[b].t().unsqueeze(0).unsqueeze(3).unsqueeze(4);  // [1,n,N,1,1]
      const at::Tensor got = attention->forward(image, tokens[b]).flatten(2)[0].to(at::kDouble);
      EXPECT_LE((got - expected[b]).abs().max().item<double>(), atol) << name;
    }
  }
}

void expect_published_gradient(const at::Tensor& gradient, const nlohmann::json& row) {
  parity::expect_gradient(gradient, {{"norm", row.at("grad_norm")},
                                     {"proj", row.at("grad_proj")},
                                     {"norm_atol", row.at("norm_atol")},
                                     {"proj_atol", row.at("proj_atol")}});
}

// The whole main network: logits, features, attention maps, and gradients of a loss on all of them. The deep
// heads (group norm, ReLU, 1x1x1 convolution) belong to the published module only, so they are written out.
void check_main_network(const std::string& name, at::ScalarType type) {
  const auto entry = fixture(name);
  const auto parameters = parity::load_json(entry.at("parameters"));
  const double gain = entry.at("weight_gain");
  const bool has_loss = entry.contains("loss_B");
  ResidualUNet network(backbone_shape(14, 32, 1));
  network->to(type);
  nlohmann::json backbone_rows = nlohmann::json::array();
  for (const auto& row : parameters.at("loss_B")) {
    const std::string row_name = row.at("name");
    if (!row_name.starts_with("eam") && !row_name.starts_with("deepout")) backbone_rows.push_back(row);
  }
  parity::fill_parameters(*network, backbone_rows, gain);
  const UNetOutput output = network->forward(parity::formula_tensor(entry.at("inputs").at("x"), type));
  const auto compare = [&](const at::Tensor& got, const std::string& key) {
    parity::expect_matches(got, entry.at("tensors").at(key), parity::stored(entry.at("expected"), key));
  };
  compare(output.logits, "logits");
  at::Tensor loss = at::zeros({}, output.logits.options());
  if (has_loss) loss = (output.logits * parity::formula_tensor(entry.at("loss_A").at("w"), type)).mean();
  std::vector<PrototypeAttention> attentions;
  const std::array<std::string, 3> modules{"eam84.", "eam42.", "eam21."};
  for (std::size_t s = 0; s < 3; ++s) {
    const std::string number = std::to_string(s + 1);
    attentions.push_back(published_attention(rows_by_name(parameters.at("loss_B"), modules[s]), gain, type));
    const at::Tensor prototypes =
        parity::formula_tensor(entry.at("prototypes").at("class_token" + number), type);
    const at::Tensor map =
        upsample_to(attentions[s]->forward(output.features[s], prototypes), output.logits.sizes().slice(2));
    compare(output.features[s], "feat" + number);
    compare(map, "attn" + number);
    const auto deep_rows = rows_by_name(parameters.at("loss_B"), "deepout" + number + ".");
    const auto deep_value = [&](const char* key) {
      const auto& row = deep_rows.at(key);
      return parity::formula_parameter(row.at("shape"), row.at("kind"), row.at("k"), gain, type);
    };
    const at::Tensor deep = at::conv3d(
        at::group_norm(output.features[s], 16, deep_value("0.weight"), deep_value("0.bias")).relu(),
        deep_value("2.weight"), deep_value("2.bias"));
    compare(deep, "deep" + number);
    if (!has_loss) continue;
    loss = loss + (map * parity::formula_tensor(entry.at("loss_B").at("wa").at(s), type)).mean() +
           (deep * parity::formula_tensor(entry.at("loss_B").at("wd").at(s), type)).mean();
  }
  if (!has_loss) return;
  parity::expect_value(loss.item<double>(), entry.at("loss_B").at("value"), entry.at("loss_B").at("atol"),
                       type == at::kDouble);
  loss.backward();
  parity::expect_gradients(*network, backbone_rows);
  for (std::size_t s = 0; s < 3; ++s) {
    const auto rows = rows_by_name(parameters.at("loss_B"), modules[s]);
    const auto p = attentions[s]->named_parameters();
    for (const auto& [ours, theirs] : {std::pair{"feature_norm.weight", "norm2.weight"},
                                       {"feature_norm.bias", "norm2.bias"},
                                       {"prototype_norm.weight", "norm3.weight"},
                                       {"prototype_norm.bias", "norm3.bias"},
                                       {"feature_projection.weight", "kv.weight"},  // values: no gradient
                                       {"prototype_projection.weight", "q.weight"}}) {
      expect_published_gradient(p[ours].grad(), rows.at(theirs));
    }
  }
}

TEST_P(NetworkParity, SmallMainNetworkWithAttentionEqualsThePublishedModule) {
  check_main_network("main_net_small", GetParam());
}

TEST_P(NetworkParity, LargeMainNetworkWithAttentionEqualsThePublishedModule) {
  check_main_network("main_net_large", GetParam());
}

INSTANTIATE_TEST_SUITE_P(Precisions, NetworkParity, testing::Values(at::kDouble, at::kFloat),
                         [](const auto& test) { return test.param == at::kDouble ? "float64" : "float32"; });

}  // namespace
}  // namespace totum
