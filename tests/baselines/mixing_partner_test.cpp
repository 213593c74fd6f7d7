#include "baselines/mixing_partner.h"

#include <gtest/gtest.h>

namespace totum {
namespace {

using Partners = std::vector<std::optional<std::int64_t>>;
constexpr Modality kCt = Modality::ct;
constexpr Modality kMr = Modality::mr;

TEST(MixingPartner, IsTheNextImageOfTheSameModalityCyclically) {
  EXPECT_EQ(mixing_partners({kCt, kCt, kCt}), (Partners{1, 2, 0}));
  EXPECT_EQ(mixing_partners({kCt, kMr, kCt, kMr, kCt}), (Partners{2, 3, 4, 1, 0}));
  EXPECT_EQ(mixing_partners({kMr, kCt, kCt}), (Partners{std::nullopt, 2, 1}));
}

TEST(MixingPartner, IsNobodyWhereThereIsNoOther) {
  EXPECT_EQ(mixing_partners({kCt, kMr}), (Partners{std::nullopt, std::nullopt}));
  EXPECT_EQ(mixing_partners({kCt}), Partners{std::nullopt});
  EXPECT_TRUE(mixing_partners({}).empty());
}

}  // namespace
}  // namespace totum
