#include "evaluation/cliques.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/random.h"

namespace totum {
namespace {

using testing::ElementsAre;
using Members = std::vector<std::size_t>;
using Matrix = std::vector<std::vector<bool>>;

Matrix that_differ(std::size_t size, const std::vector<std::pair<std::size_t, std::size_t>>& pairs) {
  Matrix differs(size, std::vector<bool>(size, false));
  for (const auto& [i, j] : pairs) differs[i][j] = differs[j][i] = true;
  return differs;
}

TEST(GroupsWithoutDifference, OverlapWhereDifferenceIsNotTransitive) {
  EXPECT_THAT(groups_without_difference(that_differ(3, {{0, 2}})), ElementsAre(Members{0, 1}, Members{1, 2}));
}

TEST(GroupsWithoutDifference, AreAllOrEachAlone) {
  EXPECT_THAT(groups_without_difference(that_differ(3, {})), ElementsAre(Members{0, 1, 2}));
  EXPECT_THAT(groups_without_difference(that_differ(3, {{0, 1}, {0, 2}, {1, 2}})),
              ElementsAre(Members{0}, Members{1}, Members{2}));
  EXPECT_TRUE(groups_without_difference({}).empty());
}

TEST(GroupsWithoutDifference, NeedNotBeNeighbours) {
  EXPECT_THAT(groups_without_difference(that_differ(3, {{0, 1}, {1, 2}})),
              ElementsAre(Members{0, 2}, Members{1}));
}

bool is_group(const Matrix& differs, unsigned members) {
  for (std::size_t i = 0; i < differs.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (((members >> i) & (members >> j) & 1U) != 0 && differs[i][j]) return false;
    }
  }
  return true;
}

// The obvious slow way: every subset of eight members that is a group and that no further member fits into.
TEST(GroupsWithoutDifference, EqualTheEnumerationOfAllSubsets) {
  RandomStream random(5, "cliques");
  for (int trial = 0; trial < 50; ++trial) {
    Matrix differs = that_differ(8, {});
    for (std::size_t i = 0; i < 8; ++i) {
      for (std::size_t j = 0; j < i; ++j) differs[i][j] = differs[j][i] = random.chance(0.4);
    }
    std::vector<Members> expected;
    for (unsigned members = 1; members < 256; ++members) {
      bool is_largest = is_group(differs, members);
      for (unsigned i = 0; i < 8; ++i) {
        const unsigned larger = members | (1U << i);
        if (larger != members && is_group(differs, larger)) is_largest = false;
      }
      if (!is_largest) continue;
      expected.emplace_back();
      for (std::size_t i = 0; i < 8; ++i) {
        if (((members >> i) & 1U) != 0) expected.back().push_back(i);
      }
    }
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(groups_without_difference(differs), expected);
  }
}

}  // namespace
}  // namespace totum
