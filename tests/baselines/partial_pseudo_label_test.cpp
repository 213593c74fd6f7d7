#include "baselines/partial_pseudo_label.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/methods/small_setup.h"

namespace totum {
namespace {

// Probabilities of background and three organs, one voxel after the other along the last axis.
at::Tensor voxels(const std::vector<std::array<double, 4>>& q) {
  at::Tensor probability = at::empty({1, 4, 1, 1, static_cast<std::int64_t>(q.size())}, at::kDouble);
  for (std::size_t v = 0; v < q.size(); ++v) {
    for (std::size_t c = 0; c < 4; ++c)
      probability[0][static_cast<std::int64_t>(c)][0][0][static_cast<std::int64_t>(v)] = q[v][c];
  }
  return probability;
}

at::Tensor labels(const std::vector<std::int64_t>& label) {
  return at::tensor(label, at::kLong).view({1, 1, 1, static_cast<std::int64_t>(label.size())});
}

at::Tensor flags(std::vector<bool> labelled) {
  at::Tensor out = at::zeros({1, static_cast<std::int64_t>(labelled.size())}, at::kBool);
  for (std::size_t c = 0; c < labelled.size(); ++c) out[0][static_cast<std::int64_t>(c)] = bool(labelled[c]);
  return out;
}

// Organ 1 is labelled. Given: organ 1 whatever the teacher says. Open: (.1 .6 .2 .1) without organ 1 is
// (.1 0 .2 .1) / .4.
TEST(PartialPseudoLabel, KeepsWhatIsGivenAndDividesTheRestByItsSum) {
  const at::Tensor q = voxels({{0.7, 0.1, 0.1, 0.1}, {0.1, 0.6, 0.2, 0.1}, {0.05, 0.9, 0.02, 0.03}});
  const at::Tensor corrected = corrected_probability(q, labels({1, 0, 0}), flags({true, false, false}));
  const at::Tensor expected = voxels({{0, 1, 0, 0}, {0.25, 0, 0.5, 0.25}, {0.5, 0, 0.2, 0.3}});
  EXPECT_LE((corrected - expected).abs().max().item<double>(), 1e-12);
  const PartialPseudoLabel result = partial_pseudo_label(q, labels({1, 0, 0}), flags({true, false, false}));
  EXPECT_TRUE(at::equal(result.label, labels({1, 2, 0})));
  EXPECT_TRUE(at::equal(result.given.flatten(), at::tensor({1, 0, 0}, at::kLong).to(at::kBool)));
  EXPECT_NEAR(result.confidence.flatten()[0].item<double>(), 1.0, 1e-12);
  EXPECT_NEAR(result.confidence.flatten()[1].item<double>(), 0.5, 1e-12);
  EXPECT_NEAR(result.confidence.flatten()[2].item<double>(), 0.5, 1e-12);
  EXPECT_NEAR(result.entropy.flatten()[0].item<double>(), 0.0, 1e-12);
  EXPECT_NEAR(result.entropy.flatten()[1].item<double>(), 1.5 * std::log(2.0), 1e-12);
  EXPECT_NEAR(result.entropy.flatten()[2].item<double>(),
              -0.5 * std::log(0.5) - 0.2 * std::log(0.2) - 0.3 * std::log(0.3), 1e-12);
}

TEST(PartialPseudoLabel, IsBackgroundWhereTheTeacherIsSureOfWhatTheLabelRulesOut) {
  const at::Tensor q = voxels({{4e-7, 1 - 8e-7, 2e-7, 2e-7}, {0, 1, 0, 0}, {1e-6, 1 - 4e-6, 2e-6, 1e-6}});
  const at::Tensor corrected = corrected_probability(q, labels({0, 0, 0}), flags({true, false, false}));
  const at::Tensor expected = voxels({{1, 0, 0, 0}, {1, 0, 0, 0}, {0.25, 0, 0.5, 0.25}});
  EXPECT_LE((corrected - expected).abs().max().item<double>(), 1e-9);
}

TEST(PartialPseudoLabel, IsTheTeachersOwnWhereNothingIsLabelledAndBackgroundWhereEverythingIs) {
  const at::Tensor q = voxels({{0.1, 0.2, 0.3, 0.4}});
  EXPECT_TRUE(at::allclose(corrected_probability(q, labels({0}), flags({false, false, false})), q));
  EXPECT_TRUE(
      at::equal(corrected_probability(q, labels({0}), flags({true, true, true})), voxels({{1, 0, 0, 0}})));
}

// A label that names an organ which is not labelled must change nothing: no method may learn from it.
TEST(PartialPseudoLabel, AnOrganThatIsNotLabelledIsNeverGiven) {
  const at::Tensor q = voxels({{0.1, 0.6, 0.2, 0.1}});
  const at::Tensor labelled = flags({true, false, false});
  EXPECT_TRUE(at::equal(corrected_probability(q, labels({2}), labelled),
                        corrected_probability(q, labels({0}), labelled)));
  EXPECT_FALSE(partial_pseudo_label(q, labels({2}), labelled).given.item<bool>());
}

// Mixed images: each voxel has its own labelled organs. The left voxel knows organ 1, the right one organ 2.
TEST(PartialPseudoLabel, TakesLabelledOrgansOfEachVoxelWhereImagesWereMixed) {
  const at::Tensor q = voxels({{0.1, 0.5, 0.3, 0.1}, {0.1, 0.3, 0.5, 0.1}, {0.1, 0.3, 0.5, 0.1}});
  at::Tensor labelled = at::zeros({1, 3, 1, 1, 3}, at::kBool);
  labelled[0][0][0][0][0] = true;
  labelled[0][1][0][0][1] = true;
  labelled[0][1][0][0][2] = true;
  const PartialPseudoLabel result = partial_pseudo_label(q, labels({0, 0, 2}), labelled);
  EXPECT_TRUE(at::equal(result.label, labels({2, 1, 2})));
  EXPECT_TRUE(at::equal(result.given.flatten(), at::tensor({0, 0, 1}, at::kLong).to(at::kBool)));
  EXPECT_NEAR(result.confidence.flatten()[0].item<double>(), 0.6, 1e-12);
  EXPECT_NEAR(result.confidence.flatten()[1].item<double>(), 0.6, 1e-12);
}

TEST(PartialPseudoLabel, HoldsForRandomImagesOfTwoTasksAndCarriesNoGradient) {
  const Batch batch = small_batch(small_setup(), {0, 2}, 1);
  RandomStream random(2, "q");
  const at::Tensor q = (3 * uniform({2, 14, 32, 32, 32}, random, -1, 1)).softmax(1).requires_grad_();
  const PartialPseudoLabel result = partial_pseudo_label(q, batch.label, batch.labelled);
  EXPECT_FALSE(result.confidence.requires_grad());
  EXPECT_TRUE(at::equal(result.given, batch.label > 0));
  EXPECT_TRUE(at::equal(result.label.masked_select(result.given), batch.label.masked_select(result.given)));
  for (std::int64_t b = 0; b < 2; ++b) {
    const at::Tensor open = result.label[b].masked_select(result.given[b].logical_not());
    const auto organs = small_setup().tasks[b == 0 ? 0U : 2U].organs;
    for (const std::int64_t c : organs) EXPECT_FALSE(open.eq(c).any().item<bool>()) << c;
    EXPECT_TRUE(open.eq(0).any().item<bool>());
  }
  const at::Tensor sum = corrected_probability(q, batch.label, batch.labelled).sum(1);
  EXPECT_LE((sum - 1).abs().max().item<double>(), 1e-5);
}

}  // namespace
}  // namespace totum
