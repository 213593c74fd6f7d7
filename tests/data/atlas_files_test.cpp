#include "data/atlas_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <itkImageFileReader.h>
#include <itkPNGImageIO.h>

#include "core/error.h"
#include "core/files.h"
#include "data/nifti.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/volumes.h"

namespace totum {
namespace {

namespace fs = std::filesystem;

// Organ c has c/26 at voxel c, organ 13 also 1/2 at the last one.
Atlas small_atlas() {
  Atlas atlas{{3, 4, 5}, std::vector<float>(13 * 60, 0.0F)};
  for (std::size_t c = 1; c <= 13; ++c) atlas.probability[(c - 1) * 60 + c] = static_cast<float>(c) / 26;
  atlas.probability.back() = 0.5F;
  return atlas;
}

TEST(AtlasFiles, AreWhatAViewerOpens) {
  const TemporaryFolder folder;
  const auto files = write_atlas_files(small_atlas(), {4, 3, 2}, folder.path() / "new" / "atlas");
  ASSERT_EQ(files.size(), 15U);
  EXPECT_EQ(files[0].filename(), "atlas_01_spleen.nii.gz");
  EXPECT_EQ(files[8].filename(), "atlas_09_inferior_vena_cava.nii.gz");
  EXPECT_EQ(files[13].filename(), "atlas_sum.nii.gz");
  EXPECT_EQ(files[14].filename(), "atlas.png");
  const ImageVolume duodenum = read_image(files[12]);
  EXPECT_EQ(duodenum.geometry.shape(), (Shape3{3, 4, 5}));
  EXPECT_EQ(duodenum.voxels[13], 0.5F);
  EXPECT_EQ(duodenum.voxels[59], 0.5F);
  const Vector3 spacing = spacing_mm_xyz(duodenum.geometry);
  EXPECT_EQ(spacing, (Vector3{2, 3, 4}));
  EXPECT_EQ(world_mm(duodenum.geometry, 2, 1.5, 1), (Vector3{0, 0, 0}));  // the middle
  EXPECT_EQ(axis_codes(duodenum.geometry), (std::array<char, 3>{'R', 'A', 'S'}));
  const ImageVolume sum = read_image(files[13]);
  EXPECT_EQ(sum.voxels[4], 4.0F / 26);
  EXPECT_EQ(sum.voxels[59], 0.5F);
  // Nothing else lies there: no temporary file was left.
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path() / "new" / "atlas"), fs::directory_iterator{}),
            15);
}

TEST(AtlasFiles, TheSheetIsThePngAndHasARowForEachOrgan) {
  const TemporaryFolder folder;
  const Atlas atlas = small_atlas();
  const Vector3 spacing{4, 3, 2};
  const GreyPicture sheet = atlas_sheet(atlas, spacing);
  // z and y are 12 mm, x 10 mm: 160, 160 and 133 pixels; 4 pixels between.
  EXPECT_EQ(sheet.width, 4 + (133 + 4) + (133 + 4) + (160 + 4));
  EXPECT_EQ(sheet.height, 4 + 13 * (160 + 4));
  const auto files = write_atlas_files(atlas, spacing, folder.path());
  auto reader = itk::ImageFileReader<itk::Image<std::uint8_t, 2>>::New();
  reader->SetImageIO(itk::PNGImageIO::New());
  reader->SetFileName(files.back().string());
  reader->Update();
  const auto size = reader->GetOutput()->GetLargestPossibleRegion().GetSize();
  ASSERT_EQ(static_cast<std::int64_t>(size[0]), sheet.width);
  ASSERT_EQ(static_cast<std::int64_t>(size[1]), sheet.height);
  EXPECT_TRUE(std::equal(sheet.pixels.begin(), sheet.pixels.end(), reader->GetOutput()->GetBufferPointer()));
}

TEST(AtlasFiles, TheSheetShowsFrontOnTopAndThePatientsRightOnTheLeft) {
  Atlas atlas{{2, 4, 4}, std::vector<float>(13 * 32, 0.0F)};
  atlas.probability[static_cast<std::size_t>(1 * 16 + 3 * 4 + 3)] = 0.2F;  // spleen: top, front, right
  const GreyPicture sheet = atlas_sheet(atlas, {1, 1, 1});
  const auto pixel = [&](std::int64_t row, std::int64_t column) {
    return sheet.pixels[static_cast<std::size_t>(row * sheet.width + column)];
  };
  EXPECT_EQ(pixel(4, 4), 255);            // axial: its first corner; the largest value is white
  EXPECT_EQ(pixel(4 + 39, 4 + 39), 255);  // 160 pixels for 4 voxels
  EXPECT_EQ(pixel(4 + 40, 4), 0);
  EXPECT_EQ(pixel(4, 4 + 40), 0);
  EXPECT_EQ(pixel(4, 4 + 164), 255);  // coronal: head on top
  EXPECT_EQ(pixel(4 + 40, 4 + 164), 0);
  EXPECT_EQ(pixel(4, 4 + 2 * 164), 255);  // sagittal: front on the left
  EXPECT_EQ(pixel(4, 4 + 2 * 164 + 40), 0);
  EXPECT_EQ(pixel(4 + 164, 4), 0);  // the next organ is nowhere
  EXPECT_EQ(pixel(0, 0), 64);       // between pictures
}

TEST(AtlasFiles, RefuseAFileInPlaceOfAFolder) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "taken", "x");
  EXPECT_THAT(message_of<DataError>([&] {
                write_atlas_files(small_atlas(), {1, 1, 1}, folder.path() / "taken");
              }),
              testing::HasSubstr("taken: is a file; name a folder for the atlas"));
}

}  // namespace
}  // namespace totum
