#include "baselines/full_labels.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "methods/losses.h"
#include "methods/proposed.h"
#include "methods/state.h"
#include "tests/methods/small_setup.h"

namespace totum {
namespace {

std::unique_ptr<Method> make(const nlohmann::json& options = nlohmann::json::object()) {
  return make_full_labels(small_setup(), JsonReader(options, "test"));
}

TEST(FullLabels, RefusesABatchOfPartialLabels) {
  EXPECT_THROW(make()->train_step(small_batch(small_setup(), {0, 2}, 1), {0, 0, 0, 10}), c10::Error);
}

// The first loss, from the formula on the same prediction: all 13 organs count, whatever the task.
TEST(FullLabels, CountsAllOrgansOfEveryImage) {
  const auto method = make();
  const Batch batch = small_batch(small_setup(), {0, 2}, 1, Supervision::full);
  const at::Tensor logits = method->predict(batch.image, Modality::ct).log();  // logits up to a constant
  const at::Tensor organs = torch::arange(1, 14, torch::kLong);
  double expected = 0;
  for (std::int64_t b = 0; b < 2; ++b) {
    expected +=
        segmentation_loss(logits[b].flatten(1), batch.label[b].flatten(), organs, {}).item<double>() / 2;
  }
  const StepReport report = method->train_step(batch, {0, 0, 0, 10});
  EXPECT_NEAR(report[0].second.item<double>(), expected, 1e-3 * expected);
}

TEST(FullLabels, BeginsWithTheWeightsOfThePlainNetwork) {
  const auto plain =
      make_proposed(small_setup(), JsonReader({{"aprn", false}, {"aman", false}, {"micpam", false}}, "test"));
  const at::Tensor image = small_batch(small_setup(), {0}, 1).image;
  EXPECT_TRUE(at::equal(make()->predict(image, Modality::ct), plain->predict(image, Modality::ct)));
}

TEST(FullLabels, ReadsTheFormOfItsLoss) {
  const Batch batch = small_batch(small_setup(), {0, 2}, 1, Supervision::full);
  const auto loss = [&](const nlohmann::json& options) {
    return make(options)->train_step(batch, {0, 0, 0, 10})[0].second.item<double>();
  };
  EXPECT_NE(loss(nlohmann::json::object()), loss({{"seg", {{"ce", "marginal"}}}}));
}

}  // namespace
}  // namespace totum
