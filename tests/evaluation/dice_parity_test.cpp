// Overlaps of the parity fixtures: voxel counts, Dice, and the Dice of the published evaluation.

#include <gtest/gtest.h>

#include "core/safetensors.h"
#include "evaluation/dice.h"
#include "tests/evaluation/parity_json.h"

namespace totum {
namespace {

using nlohmann::json;

std::span<const std::uint8_t> voxels_of(const SafetensorsFile& masks, const std::string& name) {
  const auto& view = masks.at(name);
  EXPECT_EQ(view.dtype, "U8");
  return {reinterpret_cast<const std::uint8_t*>(view.bytes.data()), view.bytes.size()};
}

TEST(DiceParity, CountsAndDiceOfMaskPairsEqualTheFixtures) {
  const json fixture = parity::load("metrics.json");
  const SafetensorsFile masks(parity::folder() / "metrics_masks.safetensors");
  const double atol = parity::tolerance_of("metrics").at("atol");
  ASSERT_FALSE(fixture.at("cases").empty());
  for (const auto& c : fixture.at("cases")) {
    const std::string name = c.at("name");
    const OverlapCounts counts =
        overlap_counts(voxels_of(masks, name + ".pred"), voxels_of(masks, name + ".truth")).front();
    EXPECT_EQ(counts.prediction, c.at("pred_voxels").get<std::int64_t>()) << name;
    EXPECT_EQ(counts.reference, c.at("truth_voxels").get<std::int64_t>()) << name;
    EXPECT_EQ(counts.both, c.at("overlap_voxels").get<std::int64_t>()) << name;
    const json& expected = c.at("counts");
    EXPECT_NEAR(dice_published(counts), expected.at("published_dice").get<double>(), 1e-12) << name;
    const json* dice_values[] = {&expected.at("dice"), &c.at("monai").at("dice")};
    if (expected.at("dice").is_null()) {
      EXPECT_EQ(dice(counts), std::nullopt) << name;
      continue;
    }
    EXPECT_NEAR(dice(counts).value(), dice_values[0]->get<double>(), 1e-12) << name;
    // MONAI answers NaN where the reference is empty; totum answers 0, and the score says that it is.
    if (dice_values[1]->is_number()) {
      EXPECT_NEAR(dice(counts).value(), dice_values[1]->get<double>(), atol) << name;
    }
  }
}

TEST(DiceParity, PublishedDiceEqualsTheEvaluationScript) {
  const json fixture = parity::load("published_dice.json");
  ASSERT_FALSE(fixture.at("cases").empty());
  for (const auto& c : fixture.at("cases")) {
    const OverlapCounts counts{c.at("predicted"), c.at("truth"), c.at("overlap")};
    EXPECT_NEAR(dice_published(counts), c.at("dice").get<double>(), fixture.at("atol").get<double>());
  }
}

}  // namespace
}  // namespace totum
