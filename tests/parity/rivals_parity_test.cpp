// DoDNet and UniSeg against their published code: whole networks, dynamic head, losses and prompt fusion,
// with gradients, float64 (proves the formula) and float32 (the path used).

#include <gtest/gtest.h>

#include "baselines/dodnet.h"
#include "methods/losses.h"
#include "networks/dynamic_unet.h"
#include "networks/prompt_unet.h"
#include "tests/parity/parity_fixture.h"
#include "tests/parity/uniseg_original.h"

namespace totum {
namespace {

using parity::fixture;

class RivalsParity : public testing::TestWithParam<at::ScalarType> {
 protected:
  // Compares named outputs and the gradients of the fixture's loss, the sum of mean(output·w).
  static void check(torch::nn::Module& module, const nlohmann::json& entry, const nlohmann::json& rows,
                    const std::map<std::string, at::Tensor>& outputs) {
    for (const auto& [name, row] : entry.at("tensors").items()) {
      parity::expect_matches(outputs.at(name), row, parity::stored(entry.at("expected"), name));
    }
    at::Tensor loss = at::zeros({}, outputs.begin()->second.options());
    for (const auto& term : entry.at("loss").at("terms")) {
      const at::Tensor& output = outputs.at(term.at("output"));
      loss = loss + (output * parity::formula_tensor(term.at("w"), output.scalar_type())).mean();
    }
    parity::expect_value(loss.item<double>(), entry.at("loss").at("value"), entry.at("loss").at("atol"),
                         loss.scalar_type() == at::kDouble);
    loss.backward();
    parity::expect_gradients(module, rows);
  }
  static nlohmann::json rows_of(const nlohmann::json& entry) {
    return parity::load_json(entry.at("parameters")).at("loss");
  }
};

TEST_P(RivalsParity, DoDNetEqualsThePublishedNetwork) {
  const auto entry = fixture("dodnet_net");
  const auto rows = rows_of(entry);
  // The controller takes the 256 features of the bottleneck and the task's code.
  std::int64_t tasks = 0;
  for (const auto& row : rows) {
    if (row.at("name") == "controller.weight") tasks = row.at("shape").at(1).get<std::int64_t>() - 256;
  }
  ASSERT_GT(tasks, 0);
  DynamicUNet network(backbone_shape(0, 32, 1), tasks, DynamicHeadShape{8, 2});
  network->to(GetParam());
  parity::fill_parameters(*network, rows, entry.at("weight_gain"));
  const at::Tensor x = parity::formula_tensor(entry.at("inputs").at("x"), GetParam());
  const auto task_ids = entry.at("task_ids").get<std::vector<std::int64_t>>();
  const at::Tensor code = at::eye(tasks, x.options()).index_select(0, at::tensor(task_ids, at::kLong));
  check(*network, entry, rows, {{"logits", network->forward(x, code)}});
}

TEST_P(RivalsParity, DynamicHeadEqualsThePublishedOne) {
  const auto entry = fixture("dodnet_head");
  const auto input = [&](const char* name) {
    return parity::formula_tensor(entry.at("inputs").at(name), GetParam());
  };
  const at::Tensor filters = input("params").requires_grad_();
  const at::Tensor features = input("features").requires_grad_();
  const at::Tensor logits = dynamic_head(features, filters, DynamicHeadShape{8, 2});
  (logits * input("w")).mean().backward();
  const std::map<std::string, at::Tensor> got{
      {"logits", logits}, {"grad_params", filters.grad()}, {"grad_features", features.grad()}};
  for (const auto& [name, row] : entry.at("tensors").items()) {
    parity::expect_matches(got.at(name), row, parity::stored(entry.at("expected"), name));
  }
}

// The published losses average over a batch in which a channel is marked -1 where the image's task lacks it:
// first over the images that have it, then over channels.
TEST_P(RivalsParity, DoDNetLossesEqualThePublishedOnes) {
  const auto entry = fixture("loss_comparators");
  int compared = 0;
  for (const auto& row : entry.at("cases")) {
    const std::string name = row.at("name");
    if (!name.starts_with("dodnet_")) continue;
    const at::Tensor logits = parity::formula_tensor(row.at("logits"), GetParam()).requires_grad_();
    const at::Tensor label = parity::stored(entry.at("expected"), row.at("labels")).flatten(0, 1).flatten(1);
    const at::Tensor is_given = (label.select(1, 0) != -1).view({-1, logits.size(1)});  // [B,channels]
    const at::Tensor given = is_given.flatten().nonzero().flatten();
    ASSERT_GT(given.numel(), 0);
    const at::Tensor z = logits.flatten(0, 1).flatten(1).index_select(0, given);
    const at::Tensor y = label.index_select(0, given).to(GetParam());
    const at::Tensor images = is_given.sum(0);  // of each channel
    ASSERT_TRUE(images.gt(0).all().item<bool>());
    const at::Tensor weight = (is_given / images).flatten().index_select(0, given).to(GetParam());
    const at::Tensor losses =
        name == "dodnet_dice" ? dodnet_dice_loss(z.sigmoid(), y) : sigmoid_cross_entropy(z, y);
    const at::Tensor loss = (losses * weight).sum() / logits.size(1);
    parity::expect_value(loss.item<double>(), row.at("value"), row.at("atol"), GetParam() == at::kDouble);
    loss.backward();
    parity::expect_gradient(logits.grad(), row.at("gradients").at("logits"));
    ++compared;
  }
  EXPECT_GT(compared, 0);
  std::cout << "compared " << compared << " losses\n";
}

TEST_P(RivalsParity, PromptFusionEqualsThePublishedOne) {
  const auto entry = fixture("uniseg_fusion");
  const auto rows = rows_of(entry);
  const at::Tensor features = parity::formula_tensor(entry.at("inputs").at("features"), GetParam());
  const at::Tensor prompt = parity::formula_tensor(entry.at("inputs").at("prompt"), GetParam());
  PromptFusion fusion(features.size(1), prompt.size(1));
  fusion->to(GetParam());
  parity::fill_parameters(*fusion, rows, entry.at("weight_gain"));
  const at::Tensor prompts = fusion->forward(features, prompt);
  const at::Tensor task = at::full({features.size(0)}, entry.at("task").get<std::int64_t>(), at::kLong);
  check(*fusion, entry, rows,
        {{"dynamic_prompt", prompts}, {"fused", at::cat({features, select_prompts(prompts, task)}, 1)}});
}

TEST_P(RivalsParity, UniSegEqualsThePublishedNetwork) {
  const auto entry = fixture("uniseg_net");
  const auto rows = rows_of(entry);
  const at::Tensor x = parity::formula_tensor(entry.at("inputs").at("x"), GetParam());
  const auto head =
      rows.back().at("shape").get<std::vector<std::int64_t>>();  // of full size: classes, features
  parity::UniSegOriginal network(rows.front().at("shape").get<std::vector<std::int64_t>>(), head.at(1),
                                 head.at(0));
  network->to(GetParam());
  parity::fill_parameters(*network, rows, entry.at("weight_gain"));
  const auto outputs =
      network->forward(x, at::full({x.size(0)}, entry.at("task").get<std::int64_t>(), at::kLong));
  std::map<std::string, at::Tensor> named;
  for (std::size_t i = 0; i < outputs.size(); ++i) named["out" + std::to_string(i)] = outputs[i];
  check(*network, entry, rows, named);
}

INSTANTIATE_TEST_SUITE_P(Precisions, RivalsParity, testing::Values(at::kDouble, at::kFloat),
                         [](const auto& test) { return test.param == at::kDouble ? "float64" : "float32"; });

}  // namespace
}  // namespace totum
