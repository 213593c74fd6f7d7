#include "baselines/atlas_only.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/sampler/tiny_dataset.h"

namespace totum {
namespace {

// One voxel for each set of probabilities (organ, value); all others are 0.
std::vector<std::uint8_t> labels_of(const std::vector<std::vector<std::pair<std::int64_t, float>>>& voxels) {
  Atlas atlas;
  const auto width = static_cast<std::int64_t>(voxels.size());
  atlas.shape = {1, 1, width};
  atlas.probability.assign(static_cast<std::size_t>(kOrgans * width), 0.0F);
  for (std::int64_t x = 0; x < width; ++x) {
    for (const auto& [organ, p] : voxels[static_cast<std::size_t>(x)])
      atlas.probability[static_cast<std::size_t>((organ - 1) * width + x)] = p;
  }
  return atlas_labels(atlas, atlas.shape);
}

TEST(AtlasOnly, TakesTheLikeliestOfBackgroundAndOrgans) {
  const auto labels = labels_of({{},                        // nothing is ever here
                                 {{6, 0.4F}},               // background 0.6
                                 {{6, 0.6F}},               // organ 6
                                 {{6, 0.3F}, {13, 0.4F}},   // background 0.3 < 0.4
                                 {{6, 0.9F}, {13, 0.95F}},  // maps of different cases: more than 1 together
                                 {{1, 0.5F}},               // equal: background
                                 {{2, 0.5F}, {3, 0.5F}}});  // equal: the lower index
  EXPECT_EQ(labels, (std::vector<std::uint8_t>{0, 0, 6, 13, 13, 0, 2}));
}

TEST(AtlasOnly, ResizesTheAtlasToTheImage) {
  Atlas atlas;
  atlas.shape = {2, 1, 1};
  atlas.probability.assign(static_cast<std::size_t>(kOrgans * 2), 0.0F);
  atlas.probability[1] = 1.0F;  // organ 1 in the upper plane
  EXPECT_EQ(atlas_labels(atlas, {4, 1, 1}), (std::vector<std::uint8_t>{0, 0, 1, 1}));
}

// What it may not see: labels of organs that a training case's task hides, and all others' labels.
TEST(AtlasOnly, IsTheSameWithoutTheHiddenLabels) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path() / "a");
  const PreparedDataset without = tiny_dataset(
      folder.path() / "b", {18, 20, 22}, [](const TinyCase& c, std::vector<std::uint8_t>& label) {
        const auto organs = tiny_tasks()[static_cast<std::size_t>(c.task)].organs;
        for (std::uint8_t& value : label) {
          const bool seen = std::find(organs.begin(), organs.end(), value) != organs.end();
          if (c.subset != Subset::train || !seen) value = 0;
        }
      });
  const auto labels = atlas_labels(data.atlas, data.at("amos_0006").shape());
  EXPECT_EQ(labels, atlas_labels(without.atlas, without.at("amos_0006").shape()));
  // Organs are slabs at the same place in every case, so location alone finds them all.
  EXPECT_TRUE(std::equal(labels.begin(), labels.end(), data.at("amos_0006").label().begin()));
}

TEST(AtlasOnly, HasNoOptions) {
  EXPECT_NO_THROW(make_atlas_only(JsonReader(nlohmann::json::object(), "test")));
  EXPECT_THROW(make_atlas_only(JsonReader({{"threshold", 0.5}}, "test")), ConfigError);
}

}  // namespace
}  // namespace totum
