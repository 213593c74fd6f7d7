// A batch of mixed tasks against its images, for every rival whose images are independent. In float64, so
// that a tolerance of 1e-9 is rounding alone; a loss pooled over the batch's voxels, or a statistic that
// images share, differs in the first digits.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "baselines/cond_dec.h"
#include "baselines/dodnet.h"
#include "baselines/full_labels.h"
#include "baselines/mh_net.h"
#include "baselines/single.h"
#include "baselines/uniseg.h"
#include "baselines/vat.h"
#include "methods/proposed.h"
#include "tests/baselines/method_probe.h"

namespace totum {
namespace {

struct Case {
  const char* name;
  MethodFactory make;
  nlohmann::json options = nlohmann::json::object();
  std::vector<std::int64_t> tasks{0, 1, 2};
  std::array<std::int64_t, 3> patch_voxels{16, 16, 16};
  Supervision supervision = Supervision::partial;
};

void PrintTo(const Case& value, std::ostream* stream) { *stream << value.name; }

MethodSetup setup_of(const Case& tested) {
  MethodSetup setup = undecayed_setup(1);
  setup.patch_voxels = tested.patch_voxels;
  return setup;
}

std::unique_ptr<Method> make(const Case& tested) {
  auto method = tested.make(setup_of(tested), JsonReader(tested.options, "options"));
  convert_to_double(*method);
  return method;
}

Batch batch_of(const Case& tested, const std::vector<std::int64_t>& tasks, std::uint64_t seed) {
  Batch batch = small_batch(setup_of(tested), tasks, seed, tested.supervision);
  batch.image = batch.image.to(at::kDouble);
  return batch;
}

StepContext context_of(const Case& tested) {
  return {tested.tasks[0] == tested.tasks[1] ? tested.tasks[0] : 0, 0, 0, 10};
}

// Loss and gradients times `weight`, added.
void add(StepResult& sum, const StepResult& step, double weight) {
  sum.loss += weight * step.loss;
  for (const auto& [name, gradient] : step.gradients) {
    const at::Tensor share = weight * gradient;
    sum.gradients[name] = sum.gradients.contains(name) ? sum.gradients[name] + share : share;
  }
}

void expect_same(const StepResult& a, const StepResult& b) {
  EXPECT_NEAR(a.loss, b.loss, 1e-9 * std::abs(a.loss));
  ASSERT_EQ(a.gradients.size(), b.gradients.size());
  double largest = 0;
  double worst = 0;
  for (const auto& [name, gradient] : a.gradients) {
    largest = std::max(largest, gradient.abs().max().item<double>());
    worst = std::max(worst, (gradient - b.gradients.at(name)).abs().max().item<double>());
  }
  EXPECT_GT(largest, 0.0);
  EXPECT_LE(worst, 1e-9 * largest);
}

class MixedBatch : public testing::TestWithParam<Case> {};

TEST_P(MixedBatch, HasTheMeanLossAndGradientOfItsImages) {
  const Case& tested = GetParam();
  const Batch all = batch_of(tested, tested.tasks, 3);
  const auto images = static_cast<std::int64_t>(all.task.size());
  StepResult mean{0, {}};
  for (std::int64_t b = 0; b < images; ++b) {
    const StepResult alone = first_step(*make(tested), one_image(all, b), context_of(tested));
    add(mean, alone, 1.0 / static_cast<double>(images));
  }
  expect_same(first_step(*make(tested), all, context_of(tested)), mean);
}

TEST_P(MixedBatch, IsPredictedLikeItsImages) {
  const auto method = make(GetParam());
  const at::Tensor image = batch_of(GetParam(), GetParam().tasks, 3).image;
  const at::Tensor together = method->predict(image, Modality::ct);
  for (std::int64_t b = 0; b < image.size(0); ++b) {
    const at::Tensor alone = method->predict(image.slice(0, b, b + 1), Modality::ct);
    EXPECT_LE((together.slice(0, b, b + 1) - alone).abs().max().item<double>(), 1e-9);
  }
}

// Cond-Dec draws organs by an image's place in the batch; where it takes all four of a task, the draw does
// not matter. UniSeg's instance norm needs more than one voxel at the bottleneck.
INSTANTIATE_TEST_SUITE_P(
    Methods, MixedBatch,
    testing::Values(Case{"ablation_a", make_proposed, {{"aprn", false}, {"aman", false}, {"micpam", false}}},
                    Case{.name = "single", .make = make_single, .tasks = {2, 2}},
                    Case{.name = "mh_net", .make = make_mh_net, .tasks = {0, 2, 0}},
                    Case{"cond_dec", make_cond_dec, {{"organs_per_crop", 4}}, {0, 1}},
                    Case{"dodnet", make_dodnet},
                    Case{.name = "full_labels", .make = make_full_labels, .supervision = Supervision::full},
                    Case{"uniseg", make_uniseg, nlohmann::json::object(), {0, 2}, {16, 32, 32}},
                    Case{"uniseg_slices",
                         make_uniseg,
                         {{"output", "task-slices"}, {"prompt", "image"}},
                         {0, 2},
                         {16, 32, 32}}),
    [](const auto& test) { return std::string(test.param.name); });

// Methods whose draws depend on an image's place in the batch: f(a,b) = g(a) + h(b) exactly if
// f(a,b) + f(c,d) = f(a,d) + f(c,b).
class BatchWithDraws : public testing::TestWithParam<Case> {};

TEST_P(BatchWithDraws, AddsUpWhatItsImagesGiveAtTheirPlaces) {
  const Case& tested = GetParam();
  const Batch first = batch_of(tested, {0, 2}, 3);
  const Batch second = batch_of(tested, {2, 1}, 4);
  const auto crossed = [](const Batch& a, const Batch& b) {  // the first image of a, the second of b
    const Batch left = one_image(a, 0), right = one_image(b, 1);
    return Batch{at::cat({left.image, right.image}),       at::cat({left.label, right.label}),
                 at::cat({left.labelled, right.labelled}), at::cat({left.atlas, right.atlas}),
                 {left.modality[0], right.modality[0]},    {left.task[0], right.task[0]},
                 {left.case_id[0], right.case_id[0]}};
  };
  StepResult straight{0, {}}, exchanged{0, {}};
  add(straight, first_step(*make(tested), first, context_of(tested)), 1);
  add(straight, first_step(*make(tested), second, context_of(tested)), 1);
  add(exchanged, first_step(*make(tested), crossed(first, second), context_of(tested)), 1);
  add(exchanged, first_step(*make(tested), crossed(second, first), context_of(tested)), 1);
  expect_same(straight, exchanged);
}

INSTANTIATE_TEST_SUITE_P(Methods, BatchWithDraws,
                         testing::Values(Case{"cond_dec", make_cond_dec}, Case{"vat", make_vat}),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace totum
