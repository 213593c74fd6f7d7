// An organ that more than one task labels (the paper's future work): the split says so, and supervision,
// atlas and the relation of an organ to a modality follow. The sampler's part is in
// sampler/patch_sampler_test.cpp.

#include <gtest/gtest.h>

#include "core/files.h"
#include "data/atlas.h"
#include "data/split.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/prepared_volumes.h"

namespace totum {
namespace {

// The liver (6) is labelled in both CT tasks and in MR, the spleen (1) in one CT task and in MR.
constexpr const char* kOverlapping =
    "case,modality,subset,task,labelled_organs\n"
    "a,ct,train,ct_a,5 6 7 8\n"
    "b,ct,train,ct_b,1 6 9\n"
    "c,mr,train,mr,1 6\n"
    "d,ct,test,ct_a,5 6 7 8\n"
    "e,mr,val,mr_all,10 6\n";  // a task without a training case

Split overlapping_split(const TemporaryFolder& folder) {
  write_file_atomically(folder.path() / "overlap.csv", kOverlapping);
  return read_split(folder.path() / "overlap.csv");
}

TEST(OverlappingAnnotations, ASplitMayLabelAnOrganInSeveralTasks) {
  const TemporaryFolder folder;
  const Split split = overlapping_split(folder);
  ASSERT_EQ(split.tasks.size(), 4U);
  EXPECT_EQ(split.task_of(split.cases[0]).organs, (std::vector<std::int64_t>{5, 6, 7, 8}));
  EXPECT_EQ(split.task_of(split.cases[1]).organs, (std::vector<std::int64_t>{1, 6, 9}));
}

TEST(OverlappingAnnotations, AnOrganLabelledInBothModalitiesIsCrossModalInNeither) {
  const TemporaryFolder folder;
  const Split split = overlapping_split(folder);
  for (const Modality modality : {Modality::ct, Modality::mr}) {
    EXPECT_TRUE(split.labelled_in_modality(6, modality));
    EXPECT_TRUE(split.labelled_in_modality(1, modality));
  }
  EXPECT_TRUE(split.labelled_in_modality(9, Modality::ct));
  EXPECT_FALSE(split.labelled_in_modality(9, Modality::mr));
  EXPECT_FALSE(split.labelled_in_modality(10, Modality::mr));  // only a validation case
}

// Six voxels; every case is divided by the number of cases whose own task labels the organ.
TEST(OverlappingAnnotations, TheAtlasAveragesTheCasesOfAllTasksThatLabelTheOrgan) {
  const TemporaryFolder folder;
  const Split split = overlapping_split(folder);
  const Shape3 shape{1, 1, 6};
  const std::vector<PreparedCase> images{
      prepared_case(folder.path(), "a", shape, {}, {6, 6, 5, 1, 1, 9}),  // 1 and 9 are not labelled here
      prepared_case(folder.path(), "b", shape, {}, {6, 0, 5, 1, 0, 9}),  // nor is 5
      prepared_case(folder.path(), "c", shape, {}, {6, 0, 5, 1, 1, 9})};
  std::vector<AtlasCase> cases;
  for (std::size_t i = 0; i < images.size(); ++i)
    cases.push_back({&images[i], split.task_of(split.cases[i]).organs});
  const auto map = [&](const AtlasConfig& config, std::size_t organ) {
    const Atlas atlas = make_atlas(cases, config);
    return std::vector<float>(atlas.probability.begin() + static_cast<std::ptrdiff_t>((organ - 1) * 6),
                              atlas.probability.begin() + static_cast<std::ptrdiff_t>(organ * 6));
  };
  EXPECT_EQ(map({}, 6), (std::vector<float>{1, 1.0F / 3, 0, 0, 0, 0}));  // a, b and c
  EXPECT_EQ(map({}, 1), (std::vector<float>{0, 0, 0, 1, 0.5F, 0}));      // b and c
  EXPECT_EQ(map({}, 5), (std::vector<float>{0, 0, 1, 0, 0, 0}));         // a
  EXPECT_EQ(map({}, 9), (std::vector<float>{0, 0, 0, 0, 0, 1}));         // b
  AtlasConfig published;
  published.scale = "maximum";
  EXPECT_EQ(map(published, 6), (std::vector<float>{1, 1.0F / 3, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace totum
