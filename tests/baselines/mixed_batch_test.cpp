// A batch of mixed tasks against its images one at a time, for every method whose images are independent: the
// loss of the batch is the mean of their losses and its gradient the mean of their gradients. In float64, so
// that a tolerance of 1e-9 is rounding alone; a loss pooled over the batch's voxels, or a statistic that
// images share, differs from the mean in the first digits.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "baselines/cond_dec.h"
#include "baselines/dodnet.h"
#include "baselines/mh_net.h"
#include "baselines/single.h"
#include "baselines/uniseg.h"
#include "methods/proposed.h"
#include "tests/baselines/method_probe.h"

namespace totum {
namespace {

struct Case {
  const char* name;
  MethodFactory make;
  nlohmann::json options;
  std::vector<std::int64_t> tasks{0, 1, 2};
};

void PrintTo(const Case& value, std::ostream* stream) { *stream << value.name; }

class MixedBatch : public testing::TestWithParam<Case> {
 protected:
  [[nodiscard]] std::unique_ptr<Method> make() const {
    // Stride 1: a bottleneck of more than one voxel, so that UniSeg's instance norm says something.
    auto method = GetParam().make(undecayed_setup(1), JsonReader(GetParam().options, "options"));
    convert_to_double(*method);
    return method;
  }
  [[nodiscard]] static Batch batch() {
    Batch batch = small_batch(small_setup(), GetParam().tasks, 3);
    batch.image = batch.image.to(at::kDouble);
    return batch;
  }
};

TEST_P(MixedBatch, HasTheMeanLossAndGradientOfItsImages) {
  const Batch all = batch();
  const auto images = static_cast<std::int64_t>(all.task.size());
  const StepContext context{GetParam().tasks[0] == GetParam().tasks[1] ? GetParam().tasks[0] : 0, 0, 0, 10};
  const StepResult together = first_step(*make(), all, context);
  double loss = 0;
  std::map<std::string, at::Tensor> gradients;
  for (std::int64_t b = 0; b < images; ++b) {
    const StepResult alone = first_step(*make(), one_image(all, b), context);
    loss += alone.loss / static_cast<double>(images);
    for (const auto& [name, gradient] : alone.gradients) {
      const at::Tensor share = gradient / static_cast<double>(images);
      gradients[name] = gradients.contains(name) ? gradients[name] + share : share;
    }
  }
  EXPECT_NEAR(together.loss, loss, 1e-9 * std::abs(loss));
  ASSERT_EQ(together.gradients.size(), gradients.size());
  double largest = 0;
  double worst = 0;
  for (const auto& [name, gradient] : together.gradients) {
    largest = std::max(largest, gradient.abs().max().item<double>());
    worst = std::max(worst, (gradient - gradients.at(name)).abs().max().item<double>());
  }
  EXPECT_GT(largest, 0.0);
  EXPECT_LE(worst, 1e-9 * largest);
}

TEST_P(MixedBatch, IsPredictedLikeItsImages) {
  const auto method = make();
  const at::Tensor image = batch().image;
  for (const Modality modality : {Modality::ct, Modality::mr}) {
    const at::Tensor together = method->predict(image, modality);
    for (std::int64_t b = 0; b < image.size(0); ++b) {
      const at::Tensor alone = method->predict(image.slice(0, b, b + 1), modality);
      EXPECT_LE((together.slice(0, b, b + 1) - alone).abs().max().item<double>(), 1e-9);
    }
  }
}

// Cond-Dec draws organs by an image's place in the batch; where it takes all four of a task, the draw does
// not matter.
INSTANTIATE_TEST_SUITE_P(
    Methods, MixedBatch,
    testing::Values(Case{"ablation_a", make_proposed, {{"aprn", false}, {"aman", false}, {"micpam", false}}},
                    Case{"single", make_single, nlohmann::json::object(), {2, 2}},
                    Case{"mh_net", make_mh_net, nlohmann::json::object(), {0, 2, 0}},
                    Case{"cond_dec", make_cond_dec, {{"organs_per_crop", 4}}, {0, 1}},
                    Case{"dodnet", make_dodnet, nlohmann::json::object()},
                    Case{"uniseg", make_uniseg, nlohmann::json::object()},
                    Case{"uniseg_slices", make_uniseg, {{"output", "task-slices"}, {"prompt", "image"}}}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace totum
