// Losses, schedule and optimiser against the published code.

#include <gtest/gtest.h>

#include "methods/aprn.h"
#include "methods/losses.h"
#include "methods/optimiser.h"
#include "tests/parity/parity_fixture.h"

namespace totum {
namespace {

using parity::fixture;

class LossParity : public testing::TestWithParam<at::ScalarType> {};

TEST_P(LossParity, SegmentationLossOfTheCodeEqualsThePublishedOne) {
  const auto entry = fixture("loss_segmentation");
  int compared = 0;
  for (const auto& row : entry.at("cases")) {
    const auto mask = row.at("class_mask").get<std::vector<int>>();
    std::vector<std::int64_t> organs;
    for (std::size_t c = 1; c < mask.size(); ++c) {
      if (mask[c] == 1) organs.push_back(static_cast<std::int64_t>(c));
    }
    if (mask[0] == 1 || organs.empty()) continue;       // totum never gives the background a target
    if (row.contains("reference_precision")) continue;  // the value depends on an underflow that totum avoids
    const at::Tensor logits = parity::formula_tensor(row.at("logits"), GetParam()).requires_grad_();
    const at::Tensor label = parity::stored(entry.at("expected"), row.at("labels")).to(at::kLong).flatten();
    const at::Tensor loss =
        segmentation_loss(logits[0].flatten(1), label, at::tensor(organs, at::kLong), {true, false});
    parity::expect_value(loss.item<double>(), row.at("value"), row.at("atol"), GetParam() == at::kDouble);
    loss.backward();
    parity::expect_gradient(logits.grad(), row.at("gradients").at("logits"));
    if (row.contains("stored_gradient")) {
      const std::string key = row.at("stored_gradient");
      parity::expect_matches(logits.grad(), entry.at("tensors").at(key),
                             parity::stored(entry.at("expected"), key));
    }
    ++compared;
  }
  EXPECT_GT(compared, 0);
  std::cout << "compared " << compared << " class masks\n";
}

TEST_P(LossParity, RefinerLossEqualsThePublishedOne) {
  const auto entry = fixture("loss_refiner");
  for (const auto& row : entry.at("cases")) {
    const at::Tensor output = parity::formula_tensor(row.at("refiner_output"), GetParam()).requires_grad_();
    at::Tensor label = parity::stored(entry.at("expected"), "labels").to(at::kLong);
    // "labels with class 1 set to 0"
    const std::string labels = row.at("labels");
    if (const auto with = labels.find("class "); with != std::string::npos)
      label = label.masked_fill(label == std::stoll(labels.substr(with + 6)), 0);
    std::vector<at::Tensor> maps;
    for (int copy = 0; copy < row.at("copies").get<int>(); ++copy) {
      for (const std::int64_t c : row.at("class_index_zero_based").get<std::vector<std::int64_t>>())
        maps.push_back(label == c + 1);
    }
    const at::Tensor loss =
        refiner_loss(output, at::stack(maps).to(GetParam())).sum();  // the code sums over organs and copies
    parity::expect_value(loss.item<double>(), row.at("value"), row.at("atol"), GetParam() == at::kDouble);
    loss.backward();
    parity::expect_gradient(output.grad(), row.at("gradients").at("refiner_output"));
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, LossParity, testing::Values(at::kDouble, at::kFloat),
                         [](const auto& test) { return test.param == at::kDouble ? "float64" : "float32"; });

TEST(OptimiserParity, AdamWithL2DecayEqualsPyTorch) {
  const auto entry = fixture("optimizers");
  const auto& inputs = entry.at("inputs");
  for (const auto& [key, decay] : {std::pair{"adam_l2", 5e-5}, std::pair{"adam_l2_large", 0.1}}) {
    at::Tensor parameter = parity::formula_tensor(inputs.at("start"), at::kFloat).requires_grad_();
    auto adam = make_adam({parameter}, {5e-4, decay, 0.9});
    const at::Tensor expected = parity::stored(entry.at("expected"), key);
    for (std::int64_t step = 0; step < expected.size(0); ++step) {
      const at::Tensor gradient =
          parity::formula_tensor(inputs.at("gradients").at(static_cast<std::size_t>(step)), at::kFloat);
      const bool zero = step == inputs.at("zero_gradient_step").get<std::int64_t>();
      parameter.mutable_grad() = zero ? at::zeros_like(gradient) : gradient;
      set_learning_rate(*adam, poly_learning_rate(5e-4, step, 10, 0.9));
      adam->step();
      const double atol = entry.at("tensors").at(key).at("atol");
      EXPECT_LE((parameter.detach().to(at::kDouble) - expected[step]).abs().max().item<double>(), atol)
          << key << " " << step;
    }
  }
}

// Golden numbers of the design.
TEST(PolyLearningRate, GivesTheGoldenNumbers) {
  EXPECT_NEAR(poly_learning_rate(5e-4, 250, 500, 0.9), 2.679e-4, 5e-8);
  EXPECT_NEAR(poly_learning_rate(5e-4, 499, 500, 0.9), 1.862e-6, 5e-10);
  EXPECT_NEAR(poly_learning_rate(5e-4, 1, 600, 0.9), 4.99250e-4, 5e-10);
  EXPECT_NEAR(poly_learning_rate(5e-4, 599, 600, 0.9), 1.57992e-6, 5e-12);
}

}  // namespace
}  // namespace totum
