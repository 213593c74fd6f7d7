#include "baselines/dar_slices.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <numbers>
#include <set>

#include "core/error.h"
#include "tests/methods/small_setup.h"

namespace totum {
namespace {

at::Tensor counting(std::int64_t height, std::int64_t width) {
  return at::arange(height * width, at::kFloat).view({height, width}) / static_cast<double>(height * width);
}

// numpy.percentile(range(10), [.5, 99.5]) = [0.045, 8.955]
TEST(DarSlices, TheRobustRangeIsNumpysPercentiles) {
  const IntensityRange range = robust_range(at::arange(10, at::kFloat).flip(0));
  EXPECT_NEAR(range.low, 0.045, 1e-6);
  EXPECT_NEAR(range.high, 8.955, 1e-6);
}

TEST(DarSlices, ScalesTheRangeToPlusMinusOneAndClips) {
  const at::Tensor scaled = scale_to_unit(at::tensor({-5.0F, 0.0F, 1.0F, 2.0F, 9.0F}), {0, 2});
  EXPECT_TRUE(at::equal(scaled, at::tensor({-1.0F, -1.0F, 0.0F, 1.0F, 1.0F})));
  EXPECT_TRUE(at::equal(scale_to_unit(at::full({1}, 3.0F), {3, 3}), at::full({1}, -1.0F)));
}

TEST(DarSlices, APieceOfALongerSliceLiesInIt) {
  const at::Tensor slice = counting(9, 7);
  std::set<std::pair<std::int64_t, std::int64_t>> places;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    RandomStream random(seed, "piece");
    const at::Tensor piece = random_piece(slice, 5, random);
    ASSERT_EQ(piece.sizes(), (at::IntArrayRef{5, 5}));
    const auto first = static_cast<std::int64_t>(std::lround(piece[0][0].item<double>() * 63));
    EXPECT_TRUE(at::equal(piece, slice.narrow(0, first / 7, 5).narrow(1, first % 7, 5)));
    places.emplace(first / 7, first % 7);
  }
  EXPECT_EQ(places.size(), 5U * 3U);  // every place is met
}

TEST(DarSlices, APieceHoldsAShorterSliceWholeAndIsPaddedWithMinusOne) {
  const at::Tensor slice = counting(3, 9);
  std::set<std::int64_t> rows;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    RandomStream random(seed, "piece");
    const at::Tensor piece = random_piece(slice, 5, random);
    ASSERT_EQ(piece.sizes(), (at::IntArrayRef{5, 5}));
    const at::Tensor outside = (piece == -1).all(1);
    EXPECT_EQ(outside.sum().item<std::int64_t>(), 2);
    rows.insert(outside.logical_not().to(at::kLong).argmax().item<std::int64_t>());
  }
  EXPECT_EQ(rows, (std::set<std::int64_t>{0, 1, 2}));
}

TEST(DarSlices, ATurnWithoutChangeKeepsTheSlice) {
  EXPECT_TRUE(at::allclose(turned(counting(8, 8), {}), counting(8, 8), 1e-5, 1e-5));
}

TEST(DarSlices, AHalfTurnReversesBothAxesAndAShiftMovesWithoutWrapping) {
  const at::Tensor slice = counting(8, 8);
  EXPECT_TRUE(at::allclose(turned(slice, {std::numbers::pi, 1, 0, 0}), slice.flip({0, 1}), 1e-4, 1e-4));
  const at::Tensor moved = turned(slice, {0, 1, 2 / 8.0, -1 / 8.0});  // two down, one to the left
  EXPECT_TRUE(at::allclose(moved.slice(0, 2).slice(1, 0, 7), slice.slice(0, 0, 6).slice(1, 1), 1e-4, 1e-4));
  EXPECT_TRUE(at::allclose(moved.slice(0, 0, 2), at::full({2, 8}, -1.0F)));
  EXPECT_TRUE(at::allclose(moved.slice(1, 7), at::full({8, 1}, -1.0F)));
}

// A quarter turn moves the right edge to the bottom and the top to the right; a reflection would move one of
// them to the other side.
TEST(DarSlices, ATurnIsNoReflection) {
  at::Tensor slice = at::full({9, 9}, -1.0F);
  slice[4][8] = 1.0F;
  slice[0][4] = 0.5F;
  const at::Tensor quarter = turned(slice, {std::numbers::pi / 2, 1, 0, 0});
  EXPECT_NEAR(quarter[8][4].item<float>(), 1.0F, 1e-4F);
  EXPECT_NEAR(quarter[4][8].item<float>(), 0.5F, 1e-4F);
}

TEST(DarSlices, TurnsHalfOfTheSlicesWithinTheirBounds) {
  int unturned = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    RandomStream random(seed, "turn");
    const SliceTurn turn = draw_turn(random);
    unturned += turn.angle_rad == 0 ? 1 : 0;
    EXPECT_LE(std::abs(turn.angle_rad), std::numbers::pi / 6);
    EXPECT_LE(std::abs(turn.scale - 1), 0.1);
    EXPECT_LE(std::max(std::abs(turn.shift_y), std::abs(turn.shift_x)), 0.1);
  }
  EXPECT_NEAR(unturned, 200, 50);  // five standard deviations
}

TEST(DarSlices, PadsAroundToFoursAndToTheLeastSize) {
  const at::Tensor slices = at::arange(2 * 9 * 12, at::kFloat).view({2, 9, 12});
  EXPECT_EQ(padded_around(slices, 0).sizes(), (at::IntArrayRef{2, 12, 12}));
  const at::Tensor padded = padded_around(slices, 14);
  EXPECT_EQ(padded.sizes(), (at::IntArrayRef{2, 16, 16}));
  EXPECT_TRUE(at::equal(padded.slice(1, 3, 12).slice(2, 2, 14), slices));  // 7 missing: 3 before, 4 behind
  EXPECT_EQ(padded.sum().item<double>(), slices.sum().item<double>() - 2.0 * (16 * 16 - 9 * 12));
  EXPECT_TRUE(at::equal(middle_of(padded, 9, 12), slices));
}

TEST(DarSlices, AreThoseOfTheModalitysTrainingCasesInPlusMinusOne) {
  const SmallTrainingData data;
  AxialSlices slices(data, small_setup().tasks);
  EXPECT_EQ(slices.case_ids(Modality::ct), (std::vector<std::string>{"0_0", "0_1", "1_0", "1_1"}));
  EXPECT_EQ(slices.case_ids(Modality::mr), (std::vector<std::string>{"2_0", "2_1"}));
  EXPECT_TRUE(at::equal(slices.scaled("1_0", Modality::ct, 3, 2), data.slices("1_0", 3, 2)));
  const at::Tensor mr = slices.scaled("2_1", Modality::mr, 0, 32);
  EXPECT_EQ(mr.min().item<float>(), -1.0F);
  EXPECT_EQ(mr.max().item<float>(), 1.0F);
  RandomStream first(1, "draw"), second(1, "draw");
  const at::Tensor drawn = slices.draw(Modality::mr, 48, first);
  EXPECT_EQ(drawn.sizes(), (at::IntArrayRef{48, 48}));
  EXPECT_LE(drawn.abs().max().item<float>(), 1.0001F);
  EXPECT_TRUE(at::equal(drawn, slices.draw(Modality::mr, 48, second)));
}

TEST(DarSlices, NeedBothModalities) {
  const SmallTrainingData data;
  auto tasks = small_setup().tasks;
  tasks.pop_back();
  try {
    (void)AxialSlices(data, tasks);
    FAIL() << "nothing was thrown";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("no training case in MR: add"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace totum
