#include "methods/losses.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "methods/aprn.h"

namespace totum {
namespace {

at::Tensor sine(at::IntArrayRef shape, double step) {
  std::int64_t count = 1;
  for (const std::int64_t axis : shape) count *= axis;
  return (at::arange(count, at::kDouble) * step).sin().view(shape);
}

// The golden numbers of the design: a 4x4x4 crop, z = 2 sin(0.37 i), y(v) = (7v + v/5) mod 14, L = {5,6,7,8}.
struct Golden {
  at::Tensor z = 2 * sine({14, 64}, 0.37);
  at::Tensor label;
  at::Tensor organs = at::tensor({5, 6, 7, 8}, at::kLong);
  Golden() {
    const at::Tensor v = at::arange(64, at::kLong);
    label = (7 * v + v.floor_divide(5)).remainder(14);
  }
};

TEST(DiceLoss, RefusesMapsOnAnotherDevice) {
  const at::Tensor p = at::full({2, 3}, 0.5), elsewhere = at::empty({2, 3}, at::device(at::kMeta));
  EXPECT_THROW((void)dice_loss(p, elsewhere), c10::Error);
  EXPECT_THROW((void)dice_loss(p, at::ones({2, 3}), elsewhere), c10::Error);
}

TEST(SegmentationLoss, GivesTheGoldenNumbers) {
  const Golden g;
  const at::Tensor y = organ_maps(g.label, g.organs, at::kDouble);
  EXPECT_NEAR(dice_loss(g.z.softmax(0).index_select(0, g.organs), y).sum().item<double>(), 3.713009, 5e-7);
  EXPECT_NEAR(binary_cross_entropy(g.z, g.organs, y).sum().item<double>(), 1.300155, 5e-7);
  EXPECT_NEAR(segmentation_loss(g.z, g.label, g.organs, {}).item<double>(), 2.228407, 5e-7);
  EXPECT_NEAR(segmentation_loss(g.z, g.label, g.organs, {true, false}).item<double>(), 1.565370, 5e-7);
}

TEST(PseudoLabelLoss, GivesTheGoldenNumbers) {
  const Golden g;
  const at::Tensor pseudo = 0.5 + 0.5 * sine({13, 64}, 0.11);
  EXPECT_EQ(confidence_mask(pseudo, 0.1).sum().item<double>(), 340);
  const at::Tensor unlabelled = at::tensor({1, 2, 3, 4, 9, 10, 11, 12, 13}, at::kLong);
  const at::Tensor p = g.z.softmax(0).index_select(0, unlabelled);
  const at::Tensor y = pseudo.index_select(0, unlabelled - 1);
  EXPECT_NEAR(pseudo_label_loss(p, {y, confidence_mask(y, 0.1)}).item<double>(), 0.858513, 5e-7);
  EXPECT_NEAR(pseudo_label_loss(p, {y, confidence_mask(y, 0)}).item<double>(), 0.816020, 5e-7);
}

TEST(PseudoLabelLoss, IsZeroForAnOrganWithoutAConfidentVoxel) {
  const at::Tensor pseudo = at::full({1, 8}, 0.5);
  EXPECT_EQ(pseudo_label_loss(at::full({1, 8}, 0.3), {pseudo, confidence_mask(pseudo, 0.1)}).item<float>(),
            0.0F);
}

TEST(DiceLoss, GivesTheGoldenNumberOfFourVoxels) {
  const at::Tensor p = at::tensor({0.8, 0.6, 0.1, 0.3}, at::kDouble).view({1, 4});
  const at::Tensor y = at::tensor({1.0, 1.0, 0.0, 0.0}, at::kDouble).view({1, 4});
  EXPECT_NEAR(dice_loss(p, y).item<double>(), 0.0968, 5e-5);
}

// Where p is next to 1 in float32, 1 - p has lost its digits; the value in float64 is the truth.
TEST(BinaryCrossEntropy, KeepsItsPrecisionForConfidentVoxels) {
  const at::Tensor z = at::tensor({0.0F, 18.0F, 1.0F}).view({3, 1});
  const at::Tensor organs = at::tensor({1}, at::kLong);
  const at::Tensor y = at::zeros({1, 1});
  const double truth = binary_cross_entropy(z.to(at::kDouble), organs, y.to(at::kDouble)).item<double>();
  EXPECT_NEAR(truth, 18 - std::log(1 + std::exp(1.0)), 1e-6);
  EXPECT_NEAR(binary_cross_entropy(z, organs, y).item<double>(), truth, 1e-5);
}

TEST(BinaryCrossEntropy, IsFiniteWithFiniteGradientForHugeLogits) {
  const at::Tensor z = at::tensor({-500.0F, 900.0F, 0.0F}).view({3, 1}).requires_grad_();
  const at::Tensor loss =
      binary_cross_entropy(z, at::tensor({1, 2}, at::kLong), at::tensor({0.0F, 1.0F}).view({2, 1})).sum();
  EXPECT_NEAR(loss.item<double>(), 200, 1e-3);  // both logs clamped at -100
  loss.backward();
  EXPECT_TRUE(z.grad().isfinite().all().item<bool>());
}

TEST(SegmentationLoss, GradientEqualsTheNumericalOne) {
  const Golden g;
  for (const SegmentationLossForm form : {SegmentationLossForm{}, {true, false}, {false, true}}) {
    const at::Tensor z = g.z.clone().requires_grad_();
    segmentation_loss(z, g.label, g.organs, form).backward();
    constexpr double kStep = 1e-6;
    for (std::int64_t i = 0; i < z.numel(); i += 97) {
      at::Tensor up = g.z.clone();
      at::Tensor down = g.z.clone();
      up.view({-1})[i] += kStep;
      down.view({-1})[i] -= kStep;
      const double numerical =
          (segmentation_loss(up, g.label, g.organs, form) - segmentation_loss(down, g.label, g.organs, form))
              .item<double>() /
          (2 * kStep);
      EXPECT_NEAR(z.grad().view({-1})[i].item<double>(), numerical, 1e-8);
    }
  }
}

// p_c -> y_c for the labelled organs, with the rest spread in two ways over background and unlabelled organs.
TEST(Proposed, Fidelity3GradientVanishesWhateverTheMassAmongTheRest) {
  const at::Tensor label = at::tensor({5, 0, 0, 6}, at::kLong);
  const at::Tensor organs = at::tensor({5, 6}, at::kLong);
  for (const std::int64_t rest : {0, 9}) {
    at::Tensor z = at::full({14, 4}, -40.0, at::kDouble);
    z[5][0] = z[6][3] = z[rest][1] = z[rest][2] = 40.0;
    z.requires_grad_();
    segmentation_loss(z, label, organs, {}).backward();
    EXPECT_LT(z.grad().abs().max().item<double>(), 1e-12);
  }
}

TEST(Proposed, Fidelity4LabelsOfUnlabelledOrgansChangeNothing) {
  const Golden g;
  at::Tensor other = g.label.clone();
  other.masked_fill_(g.label == 1, 12).masked_fill_(g.label == 9, 0);
  EXPECT_EQ(segmentation_loss(g.z, g.label, g.organs, {}).item<double>(),
            segmentation_loss(g.z, other, g.organs, {}).item<double>());
}

TEST(HeadTarget, NumbersTheOrgansOfAHead) {
  EXPECT_TRUE(
      at::equal(head_target(at::tensor({0, 9, 11, 13, 5}, at::kLong), at::tensor({9, 11, 12, 13}, at::kLong)),
                at::tensor({0, 1, 2, 4, 0}, at::kLong)));
}

TEST(FullLabelLoss, IsSmallForAPerfectHeadAndLargeForAWrongOne) {
  const at::Tensor target = at::tensor({0, 1, 2}, at::kLong);
  const at::Tensor right = organ_maps(target, at::arange(3, at::kLong), at::kDouble) * 50;
  EXPECT_LT(full_label_loss(right, target).item<double>(), 1e-4);
  EXPECT_GT(full_label_loss(right.roll(1, 0), target).item<double>(), 10);
}

}  // namespace
}  // namespace totum
