#include "experiments/training_source.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/sampler/tiny_dataset.h"

namespace totum {
namespace {

const SamplerConfig kSmall{{16, 16, 16}, 2, 0.0};

bool same(const TrainingImage& a, const TrainingImage& b) {
  return at::equal(a.image, b.image) && at::equal(a.label, b.label) && at::equal(a.labelled, b.labelled) &&
         a.modality == b.modality && a.task == b.task && a.case_id == b.case_id;
}

// A case as it was preprocessed. Label c of the tiny dataset is slab c of the first axis.
at::Tensor whole_image(const PreparedDataset& data, const std::string& id) {
  const PreparedCase& prepared = data.at(id);
  const auto [depth, height, width] = prepared.shape();
  return at::from_blob(const_cast<float*>(prepared.image().data()), {depth, height, width}, at::kFloat)
      .clone();
}

// So a crop of all of it has a label that is known at every voxel.
TEST(TrainingSource, ACropHasThePermittedLabelsAlone) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path());
  const SamplerConfig everything{{18, 20, 22}, 2, 0.0};
  const TrainingImage mr = TrainingSource(data, everything, 1, Supervision::partial).crop("prior", 2, 0);
  EXPECT_EQ(mr.modality, Modality::mr);
  EXPECT_EQ(mr.task, 2);
  EXPECT_TRUE(at::equal(mr.image, whole_image(data, mr.case_id)));
  const std::set<std::int64_t> organs{1, 2, 3, 4, 10};
  for (std::int64_t z = 0; z < 18; ++z) {
    EXPECT_TRUE(mr.label[z].eq(organs.contains(z % 14) ? z % 14 : 0).all().item<bool>()) << z;
  }
  for (std::int64_t c = 1; c <= kOrgans; ++c)
    EXPECT_EQ(mr.labelled[c - 1].item<bool>(), organs.contains(c)) << c;
  const TrainingImage full = TrainingSource(data, everything, 1, Supervision::full).crop("prior", 2, 0);
  EXPECT_TRUE(full.label[6].eq(6).all().item<bool>());
  EXPECT_TRUE(full.labelled.all().item<bool>());
}

TEST(TrainingSource, KnowsNoCaseThatIsNotForTraining) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path());
  const TrainingSource source(data, kSmall, 1, Supervision::partial);
  EXPECT_EQ(source.case_ids(0), (std::vector<std::string>{"amos_0001", "amos_0002"}));
  EXPECT_EQ(source.case_ids(2), (std::vector<std::string>{"amos_0507", "amos_0508"}));
  for (const char* id : {"amos_0004", "amos_0006", "amos_9999"})
    EXPECT_THROW((void)source.slices(id, 0, 1), DataError);
}

// A crop lies somewhere in its case: the place is searched for.
TEST(TrainingSource, ACropIsAPieceOfItsCase) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path(), {18, 17, 17});
  const TrainingSource source(data, kSmall, 1, Supervision::partial);
  const TrainingImage crop = source.crop("prior", 1, 3);
  EXPECT_EQ(crop.task, 1);
  const at::Tensor whole = whole_image(data, crop.case_id);
  const std::set<std::int64_t> organs{9, 11, 12, 13};
  int places = 0;
  for (std::int64_t z = 0; z <= 2; ++z) {
    for (std::int64_t y = 0; y <= 1; ++y) {
      for (std::int64_t x = 0; x <= 1; ++x) {
        if (!at::equal(whole.slice(0, z, z + 16).slice(1, y, y + 16).slice(2, x, x + 16), crop.image))
          continue;
        ++places;
        for (std::int64_t i = 0; i < 16; ++i) {
          const std::int64_t organ = (z + i) % 14;
          EXPECT_TRUE(crop.label[i].eq(organs.contains(organ) ? organ : 0).all().item<bool>()) << i;
        }
      }
    }
  }
  EXPECT_EQ(places, 1);
}

TEST(TrainingSource, AStreamShowsEveryCaseOfItsTaskBeforeAnyComesAgain) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path());
  const TrainingSource source(data, kSmall, 1, Supervision::partial);
  for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
    const std::set<std::string> seen{source.crop("prior", 0, 2 * epoch).case_id,
                                     source.crop("prior", 0, 2 * epoch + 1).case_id};
    EXPECT_EQ(seen, (std::set<std::string>{"amos_0001", "amos_0002"}));
  }
}

TEST(TrainingSource, StreamsDifferFromEachOtherAndFromTheBatchesAndRepeatThemselves) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path(), {40, 40, 40});
  const TrainingSource source(data, kSmall, 1, Supervision::partial);
  const TrainingImage crop = source.crop("prior", 1, 2);  // the task has one case
  (void)source.crop("prior", 1, 0);
  EXPECT_TRUE(same(crop, TrainingSource(data, kSmall, 1, Supervision::partial).crop("prior", 1, 2)));
  EXPECT_FALSE(same(crop, source.crop("prior", 1, 3)));
  EXPECT_FALSE(same(crop, source.crop("other", 1, 2)));
  EXPECT_FALSE(same(crop, TrainingSource(data, kSmall, 2, Supervision::partial).crop("prior", 1, 2)));
  EXPECT_FALSE(same(crop, PatchSampler(data, kSmall, 1, {1}).patch(2)));
}

// The batches' images one by one, so that patch() and batch() are one stream.
TEST(TrainingSource, ThePatchesOfASamplerAreThoseOfItsBatches) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path());
  SamplerConfig config = kSmall;
  config.augmentation = "published_code";
  const PatchSampler sampler(data, config, 5);
  for (std::int64_t i = 0; i < 4; ++i) {
    const Batch batch = sampler.batch(i);
    for (std::int64_t b = 0; b < 2; ++b) {
      const TrainingImage patch = sampler.patch(2 * i + b);
      EXPECT_TRUE(at::equal(patch.image, batch.image[b][0]));
      EXPECT_TRUE(at::equal(patch.label, batch.label[b]));
      EXPECT_TRUE(at::equal(patch.labelled, batch.labelled[b]));
      EXPECT_EQ(patch.case_id, batch.case_id[static_cast<std::size_t>(b)]);
    }
  }
}

TEST(TrainingSource, SlicesAndGridAreThoseOfTheCase) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path());
  const TrainingSource source(data, kSmall, 1, Supervision::partial);
  EXPECT_EQ(source.geometry("amos_0507").shape(), (Shape3{18, 20, 22}));
  EXPECT_TRUE(at::equal(source.slices("amos_0507", 15, 3), whole_image(data, "amos_0507").slice(0, 15)));
  EXPECT_THROW((void)source.slices("amos_0507", 16, 3), c10::Error);
  EXPECT_THROW((void)source.slices("amos_0004", 0, 1), DataError);
  EXPECT_THROW((void)source.geometry("amos_0004"), DataError);
}

// Another image of the case, here the case's own again, is cut and augmented like the batch's.
TEST(TrainingSource, APatchsPlaceSaysHowItWasCutAndAugmented) {
  const TemporaryFolder folder;
  const PreparedDataset data = tiny_dataset(folder.path(), {30, 30, 30});
  SamplerConfig config = kSmall;
  config.augmentation = "published_code";
  const PatchSampler sampler(data, config, 5);
  const TrainingSource source(data, config, 5, Supervision::partial);
  for (std::int64_t i = 0; i < 6; ++i) {
    const Batch batch = sampler.batch(i);
    for (std::size_t b = 0; b < 2; ++b) {
      const auto [start, epoch] = batch.place[b];
      at::Tensor patch = whole_image(data, batch.case_id[b])
                             .narrow(0, start[0], 16)
                             .narrow(1, start[1], 16)
                             .narrow(2, start[2], 16)
                             .contiguous();
      source.augment(patch, batch.case_id[b], epoch);
      EXPECT_TRUE(at::equal(patch, batch.image[static_cast<std::int64_t>(b)][0]));
    }
  }
}

TEST(TrainingSource, RefusesACropOfATaskWithoutTrainingCases) {
  const TemporaryFolder folder;
  PreparedDataset data = tiny_dataset(folder.path());
  std::erase_if(data.split.cases,
                [](const SplitCase& c) { return c.subset == Subset::train && c.task == 1; });
  const TrainingSource source(data, kSmall, 1, Supervision::partial);
  EXPECT_TRUE(source.case_ids(1).empty());
  EXPECT_THROW((void)source.crop("prior", 1, 0), DataError);
}

}  // namespace
}  // namespace totum
