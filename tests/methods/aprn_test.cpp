#include "methods/aprn.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/parity/parity_fixture.h"

namespace totum {
namespace {

TEST(MaskBlocks, HaveSixteenVoxelsOrAQuarterOfTheCrop) {
  EXPECT_EQ(mask_blocks({64, 192, 192}), (std::array<std::int64_t, 3>{4, 12, 12}));
  EXPECT_EQ(mask_blocks({20, 32, 3}), (std::array<std::int64_t, 3>{4, 2, 3}));
}

// The published number of blocks for each crop and ratio.
TEST(MaskBlocks, CountEqualsThePublishedOne) {
  const auto fixture = parity::load_json("mask_blocks.json");
  for (const auto& row : fixture.at("cases")) {
    const auto shape = row.at("shape").get<std::vector<std::int64_t>>();
    const auto blocks = mask_blocks(shape);
    const auto total = static_cast<double>(blocks[0] * blocks[1] * blocks[2]);
    EXPECT_EQ(static_cast<std::int64_t>(total * row.at("ratio").get<double>()),
              row.at("expected_count").get<std::int64_t>());
  }
}

// What is masked must be whole 16^3 blocks, 72 or 36 of 576 for each value, over many draws both ratios and
// all four combinations of zeros and ones.
TEST(Proposed, Fidelity10MasksWholeBlocksInThePublishedNumbers) {
  std::set<std::pair<std::int64_t, std::int64_t>> seen;
  const at::Tensor maps = at::full({1, 64, 192, 192}, 0.5F);
  for (std::uint64_t draw = 0; draw < 40; ++draw) {
    RandomStream random(3, "test", draw);
    const at::Tensor masked = mask_random_blocks(maps, random)[0];
    const at::Tensor blocks =
        masked.view({4, 16, 12, 16, 12, 16}).permute({0, 2, 4, 1, 3, 5}).reshape({576, 4096});
    EXPECT_TRUE(at::equal(blocks.amin(1), blocks.amax(1)));
    const auto zeros = (blocks.select(1, 0) == 0).sum().item<std::int64_t>();
    const auto ones = (blocks.select(1, 0) == 1).sum().item<std::int64_t>();
    EXPECT_TRUE(ones == 0 || ones == 36 || ones == 72) << ones;
    EXPECT_LE(zeros, 72);  // ones are drawn after the zeros and may cover some
    seen.emplace(zeros > 0, ones > 0);
  }
  EXPECT_EQ(seen.size(), 4U);
}

TEST(MaskRandomBlocks, LeavesTheInputAndDependsOnTheStream) {
  const at::Tensor maps = at::full({8, 32, 32, 32}, 0.5F);
  RandomStream first(1, "a"), again(1, "a"), other(2, "a");
  const at::Tensor masked = mask_random_blocks(maps, first);
  EXPECT_TRUE((maps == 0.5F).all().item<bool>());
  EXPECT_TRUE(at::equal(masked, mask_random_blocks(maps, again)));
  EXPECT_FALSE(at::equal(masked, mask_random_blocks(maps, other)));
}

}  // namespace
}  // namespace totum
