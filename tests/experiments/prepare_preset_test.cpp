#include "experiments/prepare_preset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "data/nifti.h"
#include "experiments/reproduce.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

// A tiny phantom with the published code's preprocessing, its numbers of voxels scaled to 16 x 10 x 10 mm.
std::vector<std::string> published_on_a_phantom() {
  return {"threads=1",
          "dataset/phantom=tiny",
          "dataset/split=phantom_tiny",
          "preprocess/spacing_mm=[16,10,10]",
          "preprocess/z_extent=labels",
          "preprocess/torso=body",
          "preprocess/body/minimum_voxels=500",
          "preprocess/body/arm_minimum_voxels=50",
          "preprocess/body/arm_extra_slices=1",
          "preprocess/body/arm_excess_voxels=6",
          "atlas/scale=maximum",
          "atlas/blur_sigma_voxels=1",
          "atlas/label_resize=corners",
          "sampler/patch_voxels=[16,32,32]",
          "sampler/extra_voxels=5",
          "sampler/last_start=false",
          "sampler/augmentation=published_code"};
}

TEST(PreparePreset, OfThePublishedCodePreparesAPhantomAndSaysThatLabelsCutIt) {
  const TemporaryFolder folder;
  const auto progress = make_silent_progress();
  PrepareRequest request;
  request.preset = load_preset("smoke", published_on_a_phantom());
  request.data = provide_dataset(request.preset, {}, folder.path(), *progress);
  request.cache = folder.path() / "cache";
  request.threads = 1;
  const PrepareSummary code = prepare_for_preset(request, *progress);
  EXPECT_THAT(code.remark, HasSubstr("Warning: preprocessing cut every image, the test images too"));
  request.preset = load_preset(
      "smoke", {"dataset/phantom=tiny", "dataset/split=phantom_tiny", "preprocess/spacing_mm=[16,10,10]"});
  const PrepareSummary paper = prepare_for_preset(request, *progress);
  EXPECT_EQ(paper.remark, "");
  EXPECT_LT(code.mean_shape[0], paper.mean_shape[0]);  // fewer slices
  EXPECT_EQ(code.cases, paper.cases);
}

TEST(PreparePreset, NamesEveryCaseWithoutABodyAtThePublishedSize) {
  const TemporaryFolder folder;
  const auto progress = make_silent_progress();
  PrepareRequest request;
  auto overrides = published_on_a_phantom();
  overrides.emplace_back("preprocess/body/minimum_voxels=1000000");
  request.preset = load_preset("smoke", overrides);
  request.data = provide_dataset(request.preset, {}, folder.path(), *progress);
  request.cache = folder.path() / "cache";
  request.threads = 1;
  try {
    (void)prepare_for_preset(request, *progress);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("10 case(s)"), HasSubstr("it needs 1000000"),
                                             HasSubstr("preprocess/body/minimum_voxels")));
  }
}

TEST(ExportAtlas, WritesFilesThatAViewerOpensAndMeasuresThem) {
  const TemporaryFolder folder;
  const auto progress = make_silent_progress();
  PrepareRequest request;
  request.preset = load_preset("smoke", published_on_a_phantom());
  request.threads = 1;
  const fs::path out = folder.path() / "out";
  const AtlasExport done = export_atlas(request, out, *progress);
  EXPECT_EQ(done.files.size(), 15U);
  for (const fs::path& file : done.files) EXPECT_TRUE(fs::exists(file)) << file;
  EXPECT_EQ(read_image(done.files.front()).geometry.shape(), done.shape);
  ASSERT_EQ(done.organs.size(), 13U);
  std::int64_t labelled = 0;
  for (const AtlasOrgan& o : done.organs) {
    labelled += o.cases;
    if (o.entropy_bits) EXPECT_GT(o.cases, 0);  // a small organ may have no voxel on so coarse a grid
    EXPECT_LE(o.largest, 1.0F);
  }
  EXPECT_GT(labelled, 0);
  EXPECT_THAT(done.warning, HasSubstr("preprocess/z_extent"));
  EXPECT_EQ(export_atlas(request, out, *progress).mean_entropy_bits,
            done.mean_entropy_bits);  // from the cache
}

TEST(ExportAtlas, RefusesAFileAndADatasetThatIsMissing) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "taken", "x");
  PrepareRequest request;
  request.preset = load_preset("smoke");
  EXPECT_THROW(export_atlas(request, folder.path() / "taken", *make_silent_progress()), DataError);
  request.preset = load_preset("amos22-published-code");
  EXPECT_THROW(export_atlas(request, folder.path() / "out", *make_silent_progress()), ConfigError);
}

}  // namespace
}  // namespace totum
