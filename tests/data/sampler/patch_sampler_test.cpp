#include "data/sampler/patch_sampler.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/error.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/sampler/tiny_dataset.h"

namespace totum {
namespace {

const SamplerConfig kSmall{{16, 16, 16}, 2, 0.0};

bool same(const Batch& a, const Batch& b) {
  return at::equal(a.image, b.image) && at::equal(a.label, b.label) && at::equal(a.labelled, b.labelled) &&
         at::equal(a.atlas, b.atlas) && a.task == b.task && a.case_id == b.case_id;
}

TEST(PatchSampler, GivesTheSameBatchInAnyOrderOfCalls) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path());
  const PatchSampler sampler(data, kSmall, 3);
  const Batch fifth = sampler.batch(5);
  (void)sampler.batch(0);
  EXPECT_TRUE(same(fifth, PatchSampler(data, kSmall, 3).batch(5)));
  EXPECT_FALSE(same(fifth, PatchSampler(data, kSmall, 4).batch(5)));
}

TEST(PatchSampler, SeesEveryCaseOnceInEachEpoch) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path());
  const PatchSampler sampler(data, kSmall, 0);  // 5 cases, batches of 2: epochs end within batches
  std::vector<std::string> stream;
  for (std::int64_t i = 0; i < sampler.iterations(4); ++i) {
    for (const std::string& id : sampler.batch(i).case_id) stream.push_back(id);
  }
  ASSERT_EQ(stream.size(), 20U);
  std::set<std::vector<std::string>> orders;
  for (std::size_t epoch = 0; epoch < 4; ++epoch) {
    const std::vector<std::string> order(stream.begin() + static_cast<std::ptrdiff_t>(epoch * 5),
                                         stream.begin() + static_cast<std::ptrdiff_t>(epoch * 5 + 5));
    EXPECT_EQ(std::set<std::string>(order.begin(), order.end()).size(), 5U);
    orders.insert(order);
  }
  EXPECT_GT(orders.size(), 1U);
}

TEST(PatchSampler, CountsIterationsAndEpochsByPatches) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path());
  const PatchSampler all(data, kSmall, 0);
  EXPECT_EQ(all.iterations(3), 8);  // 15 patches / 2, rounded up from 7.5
  EXPECT_EQ(all.epoch(2), 0);       // patches 4 and 5
  EXPECT_EQ(all.epoch(3), 1);       // patches 6 and 7
  const PatchSampler one(data, kSmall, 0, {1}, "ct_b");
  EXPECT_EQ(one.cases(), 1);
  EXPECT_EQ(one.iterations(1), 1);  // half a batch is still one iteration
}

TEST(PatchSampler, ErasesOrgansThatTheTaskDoesNotLabel) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path());
  const PatchSampler sampler(data, kSmall, 0);
  for (std::int64_t i = 0; i < 5; ++i) {
    const Batch batch = sampler.batch(i);
    for (std::size_t b = 0; b < 2; ++b) {
      const auto& organs = data.split.tasks[static_cast<std::size_t>(batch.task[b])].organs;
      const at::Tensor label = batch.label[static_cast<std::int64_t>(b)];
      for (std::int64_t organ = 1; organ <= kOrgans; ++organ) {
        const bool labelled = std::find(organs.begin(), organs.end(), organ) != organs.end();
        EXPECT_EQ(batch.labelled[static_cast<std::int64_t>(b)][organ - 1].item<bool>(), labelled);
        const bool present = label.eq(organ).any().item<bool>();
        EXPECT_FALSE(present && !labelled) << "organ " << organ << " of " << batch.case_id[b];
      }
    }
  }
}

TEST(PatchSampler, CropsImageLabelAndAtlasAtTheSamePlace) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path());
  const PatchSampler sampler(data, kSmall, 0);
  const Batch batch = sampler.batch(0);
  for (std::int64_t b = 0; b < 2; ++b) {
    const std::string& id = batch.case_id[static_cast<std::size_t>(b)];
    const PreparedCase& image = data.at(id);
    const auto& organs =
        data.split.tasks[static_cast<std::size_t>(batch.task[static_cast<std::size_t>(b)])].organs;
    const Shape3 start = crop_start(image, organs, kSmall, 0, 0);
    const std::int64_t at = ((start[0] + 3) * 20 + start[1] + 4) * 22 + start[2] + 5;
    EXPECT_EQ(batch.image[b][0][3][4][5].item<float>(), image.image()[static_cast<std::size_t>(at)]);
    std::vector<float> atlas(static_cast<std::size_t>(kOrgans * 16 * 16 * 16));
    atlas_patch(data.atlas, image.shape(), start, kSmall.patch_voxels, atlas.data());
    EXPECT_TRUE(at::equal(batch.atlas[b].flatten(), at::tensor(atlas)));
  }
}

TEST(PatchSampler, PadsAtTheEndWithTheCasesOwnValue) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path(), {10, 20, 12});
  const PatchSampler sampler(data, kSmall, 0);
  for (std::int64_t i = 0; i < 3; ++i) {
    const Batch batch = sampler.batch(i);
    for (std::int64_t b = 0; b < 2; ++b) {
      const float padding = batch.modality[static_cast<std::size_t>(b)] == Modality::ct ? -1.0F : -0.5F;
      EXPECT_TRUE(batch.image[b][0].slice(0, 10).eq(padding).all().item<bool>());
      EXPECT_TRUE(batch.image[b][0].slice(2, 12).eq(padding).all().item<bool>());
      EXPECT_FALSE(batch.image[b][0].slice(0, 0, 10).slice(2, 0, 12).eq(padding).any().item<bool>());
      EXPECT_FALSE(batch.label[b].slice(0, 10).any().item<bool>());
      EXPECT_FALSE(batch.atlas[b].slice(1, 10).any().item<bool>());
    }
  }
}

TEST(PatchSampler, ReachesTheFirstAndTheLastStart) {
  const TemporaryFolder folder;
  const PreparedDataset data =
      tiny_dataset(folder.path());  // 18 x 20 x 22 and patches of 16: starts 0..2, 0..4, 0..6
  std::array<std::set<std::int64_t>, 3> starts;
  for (std::int64_t epoch = 0; epoch < 200; ++epoch) {
    const Shape3 start = crop_start(data.at("amos_0001"), {5}, kSmall, 0, epoch);
    for (std::size_t a = 0; a < 3; ++a) starts[a].insert(start[a]);
  }
  EXPECT_EQ(starts[0], (std::set<std::int64_t>{0, 1, 2}));
  EXPECT_EQ(starts[1], (std::set<std::int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(starts[2].size(), 7U);
}

TEST(PatchSampler, GivesAllPartsTheSameCropOfACaseInItsEpoch) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path());
  const PatchSampler all(data, kSmall, 0);
  const PatchSampler mr(data, kSmall, 0, {2}, "mr");
  const Batch own = mr.batch(0);  // both MR cases in epoch 0
  std::map<std::string, at::Tensor> crops;
  for (std::int64_t i = 0; i < 3; ++i) {
    const Batch batch = all.batch(i);
    for (std::int64_t b = 0; b < 2; ++b)
      crops.emplace(batch.case_id[static_cast<std::size_t>(b)], batch.image[b]);
  }
  for (std::int64_t b = 0; b < 2; ++b)
    EXPECT_TRUE(at::equal(own.image[b], crops.at(own.case_id[static_cast<std::size_t>(b)])));
}

TEST(PatchSampler, FullSupervisionShowsAllLabelsOfTheSameCrops) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path());
  const Batch partial = PatchSampler(data, kSmall, 0).batch(0);
  const Batch full = PatchSampler(data, kSmall, 0, {}, "", Supervision::full).batch(0);
  EXPECT_EQ(partial.supervision, Supervision::partial);
  EXPECT_EQ(full.supervision, Supervision::full);
  EXPECT_EQ(partial.case_id, full.case_id);
  EXPECT_TRUE(at::equal(partial.image, full.image));
  EXPECT_TRUE(at::equal(partial.atlas, full.atlas));
  EXPECT_TRUE(full.labelled.all().item<bool>());
  EXPECT_FALSE(partial.labelled.all().item<bool>());
  // Where the partial label knows an organ, both say the same; the full one knows more.
  EXPECT_TRUE(
      at::equal(full.label.masked_select(partial.label > 0), partial.label.masked_select(partial.label > 0)));
  EXPECT_GT(full.label.count_nonzero().item<std::int64_t>(),
            partial.label.count_nonzero().item<std::int64_t>());
}

TEST(PatchSampler, CentresOnALabelledOrganIfAsked) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path(), {48, 20, 22});  // organ 5: planes 5, 19, 33 and 47
  const SamplerConfig config{{16, 16, 16}, 2, 1.0};
  for (std::int64_t epoch = 0; epoch < 30; ++epoch) {
    const std::int64_t start = crop_start(data.at("amos_0001"), {5}, config, 0, epoch)[0];
    EXPECT_TRUE((std::set<std::int64_t>{0, 11, 25, 32}).contains(start)) << start;
  }
}

TEST(PatchSampler, RefusesATaskWithoutTrainingCases) {
  const TemporaryFolder folder;
  PreparedDataset data = tiny_dataset(folder.path());
  std::erase_if(data.split.cases, [](const SplitCase& c) { return c.task == 1; });
  EXPECT_THROW(PatchSampler(data, kSmall, 0, {1}, "ct_b"), DataError);
}

// ---- as the published code does ----

SamplerConfig published() {
  SamplerConfig config = kSmall;
  config.extra_voxels = 5;
  config.last_start = false;
  config.augmentation = "published_code";
  return config;
}

TEST(PatchSampler, OfThePublishedCodeNeverStartsAtTheLastPlace) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path(), {18, 30, 16});
  std::array<std::set<std::int64_t>, 3> starts;
  for (std::int64_t epoch = 0; epoch < 400; ++epoch) {
    const Shape3 start = crop_start(data.at("amos_0001"), {5}, published(), 0, epoch);
    for (std::size_t a = 0; a < 3; ++a) starts[a].insert(start[a]);
  }
  EXPECT_EQ(starts[0], (std::set<std::int64_t>{0, 1, 2, 3, 4}));  // 18 is padded to 21: 0..21-16-1
  EXPECT_EQ(*starts[1].rbegin(), 13);                             // 30 needs no padding: 0..30-16-1
  EXPECT_EQ(starts[1].size(), 14U);
  EXPECT_EQ(starts[2].size(), 5U);
}

TEST(PatchSampler, OfThePublishedCodePadsAtTheEndUpToThePatchAndFive) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path(), {3, 20, 16});  // a start may lie beyond the image
  SamplerConfig config = published();
  config.augmentation = "none";
  const PatchSampler sampler(data, config, 0);
  std::set<std::int64_t> seen;
  for (std::int64_t i = 0; i < 40; ++i) {
    const Batch batch = sampler.batch(i);
    for (std::int64_t b = 0; b < 2; ++b) {
      const std::string& id = batch.case_id[static_cast<std::size_t>(b)];
      const std::int64_t epoch = (2 * i + b) / 5;
      const Shape3 start = crop_start(data.at(id), {}, config, 0, epoch);
      const std::int64_t slices = std::max<std::int64_t>(3 - start[0], 0);
      seen.insert(slices);
      const at::Tensor outside = batch.image[b][0].slice(0, slices);
      EXPECT_TRUE(outside.eq(data.at(id).padding()).all().item<bool>());
      EXPECT_FALSE(batch.atlas[b].slice(1, slices).any().item<bool>());
      EXPECT_FALSE(batch.label[b].slice(0, slices).any().item<bool>());
      if (slices > 0) {
        const std::int64_t at = (start[0] * 20 + start[1]) * 16 + start[2];
        EXPECT_EQ(batch.image[b][0][0][0][0].item<float>(),
                  data.at(id).image()[static_cast<std::size_t>(at)]);
      }
    }
  }
  EXPECT_EQ(seen, (std::set<std::int64_t>{0, 1, 2, 3}));
}

TEST(PatchSampler, AugmentationChangesTheImageAloneAndIsTheSameInAnyOrderOfCalls) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path());
  SamplerConfig plain = published();
  plain.augmentation = "none";
  const PatchSampler with(data, published(), 3), without(data, plain, 3);
  int changed = 0;
  for (std::int64_t i = 29; i >= 0; --i) {
    const Batch a = with.batch(i);
    const Batch b = without.batch(i);
    EXPECT_TRUE(same(a, PatchSampler(data, published(), 3).batch(i)));
    EXPECT_TRUE(at::equal(a.label, b.label));
    EXPECT_TRUE(at::equal(a.atlas, b.atlas));
    for (std::int64_t slot = 0; slot < 2; ++slot) changed += at::equal(a.image[slot], b.image[slot]) ? 0 : 1;
  }
  EXPECT_GT(changed, 15);  // about .46 of 60: 1 - .9 x .9 x .85 x .925 x .85
  EXPECT_LT(changed, 42);
}

// The leak test of the published code's sampling can begin only here: its preprocessing reads every label.
TEST(PatchSampler, OfThePublishedCodeSeesNothingOfHiddenLabelsOnceCasesArePrepared) {
  const TemporaryFolder folder;
  const auto noise = [](const TinyCase& c, std::vector<std::uint8_t>& label) {
    RandomStream random(5, c.case_id);
    const auto tasks = tiny_tasks();
    const auto& organs = tasks[static_cast<std::size_t>(c.task)].organs;
    for (std::uint8_t& value : label) {
      const bool hidden =
          c.subset != Subset::train || std::find(organs.begin(), organs.end(), value) == organs.end();
      while (hidden) {
        value = static_cast<std::uint8_t>(random.below(kOrgans + 1));
        if (c.subset != Subset::train || std::find(organs.begin(), organs.end(), value) == organs.end())
          break;
      }
    }
  };
  const PreparedDataset honest = tiny_dataset(folder.path() / "a");
  const PreparedDataset noisy = tiny_dataset(folder.path() / "b", {18, 20, 22}, noise);
  for (std::int64_t i = 0; i < 6; ++i)
    EXPECT_TRUE(
        same(PatchSampler(honest, published(), 1).batch(i), PatchSampler(noisy, published(), 1).batch(i)));
}

TEST(PatchSampler, AnOrganOfTwoTasksIsLabelledInTheImagesOfBoth) {
  const TemporaryFolder folder;
  PreparedDataset data = tiny_dataset(folder.path());
  data.split.tasks[1].organs = {6, 9, 11, 12, 13};  // ct_a has 6 too
  data.split.tasks[2].organs = {1, 2, 3, 4, 6, 10};
  const PatchSampler sampler(data, kSmall, 0);
  for (std::int64_t i = 0; i < 5; ++i) {
    const Batch batch = sampler.batch(i);
    for (std::int64_t b = 0; b < 2; ++b) {
      const std::int64_t task = batch.task[static_cast<std::size_t>(b)];
      EXPECT_TRUE(batch.labelled[b][5].item<bool>());
      EXPECT_TRUE(batch.label[b].eq(6).any().item<bool>());
      EXPECT_EQ(batch.labelled[b][4].item<bool>(), task == 0);
      EXPECT_EQ(batch.label[b].eq(9).any().item<bool>(), task == 1);
    }
  }
}

TEST(PatchSampler, TakesTheAtlasThroughTheImagesWarp) {
  const TemporaryFolder folder;
  PreparedDataset data = tiny_dataset(folder.path());
  Warp up{{2, 2, 2}, std::vector<float>(24, 0.0F)};
  std::fill_n(up.displacement.begin(), 8, 2.0F / 18);  // two slices
  data.to_atlas["amos_0507"] = up;
  const PatchSampler moved(data, kSmall, 0);
  PreparedDataset still = data;
  still.to_atlas.clear();
  const PatchSampler plain(still, kSmall, 0);
  for (std::int64_t i = 0; i < 3; ++i) {
    const Batch a = moved.batch(i), b = plain.batch(i);
    for (std::int64_t slot = 0; slot < 2; ++slot) {
      const bool is_warped = a.case_id[static_cast<std::size_t>(slot)] == "amos_0507";
      EXPECT_EQ(at::equal(a.atlas[slot], b.atlas[slot]), !is_warped);
      if (is_warped) EXPECT_TRUE(at::equal(a.atlas[slot].slice(1, 0, 12), b.atlas[slot].slice(1, 2, 14)));
    }
  }
}

TEST(BatchPrefetcher, GivesWhatTheSamplerGives) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path());
  const PatchSampler sampler(data, kSmall, 0);
  BatchPrefetcher prefetcher(sampler, 6);
  for (const std::int64_t i : {0, 1, 2, 4, 5, 1})
    EXPECT_TRUE(same(prefetcher.batch(i), sampler.batch(i))) << i;
}

TEST(SamplerConfig, NamesPlaceValueAndWhatIsAllowed) {
  const auto fault = [](const nlohmann::json& json) {
    try {
      (void)read_sampler_config(JsonReader(json, "smoke.json", "/sampler"));
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(fault({{"patch_voxels", {-64, 192, 192}}}),
            "smoke.json: /sampler/patch_voxels/0 is -64; must be a positive multiple of 16");
  EXPECT_EQ(fault({{"patch_voxels", {64, 100, 192}}}),
            "smoke.json: /sampler/patch_voxels/1 is 100; must be a positive multiple of 16");
  EXPECT_NE(fault({{"batch_size", 1}}).find("/sampler/batch_size is 1"), std::string::npos);
}

}  // namespace
}  // namespace totum
