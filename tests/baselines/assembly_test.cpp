#include "baselines/assembly.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace totum {
namespace {

const std::vector<Task> kTasks{{"x", Modality::ct, {5, 6}}, {"y", Modality::mr, {1}}};

TEST(OwningTasks, GiveEveryOrganItsFirstTask) {
  const std::vector<Task> overlapping{{"x", Modality::ct, {5, 6}}, {"y", Modality::mr, {1, 5}}};
  const auto owner = owning_tasks(overlapping);
  EXPECT_EQ(owner[0], 1);
  EXPECT_EQ(owner[4], 0);
  EXPECT_EQ(owner[5], 0);
  EXPECT_EQ(owner[6], -1);
}

TEST(AssembleOrgans, TakesOrgansFromTheirOwnersAndTheSmallestBackground) {
  const at::Tensor x = at::tensor({0.2, 0.5, 0.3}).view({1, 3, 1, 1, 1});
  const at::Tensor y = at::tensor({0.6, 0.4}).view({1, 2, 1, 1, 1});
  const at::Tensor p = assemble_organs({x, y}, kTasks).flatten();
  const double total = 0.2 + 0.5 + 0.3 + 0.4;
  EXPECT_NEAR(p[0].item<double>(), 0.2 / total, 1e-6);
  EXPECT_NEAR(p[1].item<double>(), 0.4 / total, 1e-6);
  EXPECT_NEAR(p[5].item<double>(), 0.5 / total, 1e-6);
  EXPECT_NEAR(p[6].item<double>(), 0.3 / total, 1e-6);
  EXPECT_EQ(p[7].item<double>(), 0.0);
  EXPECT_NEAR(p.sum().item<double>(), 1.0, 1e-6);
}

TEST(AssembleSigmoids, GivesTheBackgroundWhatTheLargestOrganLeaves) {
  at::Tensor sigma = at::zeros({1, 13, 1, 1, 1});
  sigma[0][2] = 0.7;
  sigma[0][4] = 0.4;
  const at::Tensor p = assemble_sigmoids(sigma).flatten();
  const double total = 0.3 + 0.7 + 0.4;
  EXPECT_NEAR(p[0].item<double>(), 0.3 / total, 1e-6);
  EXPECT_NEAR(p[3].item<double>(), 0.7 / total, 1e-6);
  EXPECT_NEAR(p[5].item<double>(), 0.4 / total, 1e-6);
  EXPECT_NEAR(p.sum().item<double>(), 1.0, 1e-6);
}

// An organ wins over the background exactly if its own sigmoid is above one half.
TEST(AssembleSigmoids, KeepsEachHeadsOwnDecision) {
  for (const double sigma : {0.51, 0.49}) {
    at::Tensor organs = at::full({1, 13, 1, 1, 1}, 0.1);
    organs[0][8] = sigma;
    EXPECT_EQ(assemble_sigmoids(organs).argmax(1).item<std::int64_t>(), sigma > 0.5 ? 9 : 0);
  }
}

TEST(OrganIndices, ListTheOrgansOfEachTask) {
  const auto indices = organ_indices(kTasks, at::kCPU);
  ASSERT_EQ(indices.size(), 2U);
  EXPECT_TRUE(at::equal(indices[0], at::tensor({5, 6}, at::kLong)));
  EXPECT_TRUE(at::equal(indices[1], at::tensor({1}, at::kLong)));
}

TEST(AssembleOrgans, NeedsOneHeadForEachTask) {
  EXPECT_THROW(assemble_organs({at::ones({1, 3, 1, 1, 1})}, kTasks), c10::Error);
}

}  // namespace
}  // namespace totum
