#include "data/nifti.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/files.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/volumes.h"

namespace totum {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Offsets and data types of the NIfTI-1 standard (nifti1.h).
constexpr std::size_t kDim = 40, kPixdim = 76, kQformCode = 252, kSformCode = 254, kQoffset = 268,
                      kSrow = 280;
constexpr std::int16_t kUint8 = 2, kFloat32 = 16;

LabelMap checkered(const Geometry& grid) {
  LabelMap labels{grid, std::vector<std::uint8_t>(static_cast<std::size_t>(grid.voxels()))};
  for (std::size_t i = 0; i < labels.voxels.size(); ++i) labels.voxels[i] = static_cast<std::uint8_t>(i % 14);
  return labels;
}

ImageVolume ramp(const Geometry& grid) {
  ImageVolume image{grid, std::vector<float>(static_cast<std::size_t>(grid.voxels()))};
  for (std::size_t i = 0; i < image.voxels.size(); ++i) image.voxels[i] = static_cast<float>(i) - 20.5F;
  return image;
}

class Nifti : public testing::Test {
 protected:
  // Message of the DataError when a file with these bytes is read as an image, or "".
  std::string refusal(const std::string& bytes) {
    write_gz(path_, bytes);
    return message_of<DataError>([&] { read_image(path_); });
  }
  std::string label_refusal(const ImageVolume& image) {
    write_image(path_, image);
    return message_of<DataError>([&] { read_label(path_); });
  }
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "amos_0001.nii.gz";
  Geometry grid_ = upright_grid({5, 4, 3}, {1, 2, 3});
};

TEST_F(Nifti, LabelMapsComeBackWithTheirVoxelsAndAffineInEveryStorageOrder) {
  const Geometry oblique = turned(upright_grid({5, 4, 3}, {0.7, 1.3, 4.5}), 20);
  for (const StorageOrder& order : all_storage_orders()) {
    const LabelMap labels = stored_as(checkered(oblique), order);
    write_label_map(path_, labels);
    const LabelMap read = read_label(path_);
    EXPECT_EQ(read.voxels, labels.voxels);
    ASSERT_EQ(read.geometry.size_xyz, labels.geometry.size_xyz);
    for (std::size_t row = 0; row < 3; ++row) {
      for (std::size_t column = 0; column < 4; ++column) {
        EXPECT_EQ(read.geometry.affine[row][column],
                  static_cast<double>(static_cast<float>(labels.geometry.affine[row][column])));
      }
    }
  }
}

TEST_F(Nifti, TheQformOfAWrittenFileSaysTheSameAsItsSform) {
  const Geometry oblique = turned(upright_grid({5, 4, 3}, {0.7, 1.3, 4.5}), 200);
  for (const StorageOrder& order : all_storage_orders()) {
    const LabelMap labels = stored_as(checkered(oblique), order);
    write_label_map(path_, labels);
    EXPECT_FALSE(read_nifti_header(path_).forms_disagree);
    std::string bytes = read_unpacked(path_);
    put(bytes, kSformCode, std::int16_t{0});
    EXPECT_TRUE(same_grid(parse_nifti_header(bytes, path_).geometry, labels.geometry, 1e-4));
  }
}

TEST_F(Nifti, EqualLabelMapsGiveEqualBytesWithoutAName) {
  write_label_map(path_, checkered(grid_));
  write_label_map(folder_.path() / "other.nii.gz", checkered(grid_));
  const std::string bytes = read_file(path_);
  EXPECT_EQ(bytes, read_file(folder_.path() / "other.nii.gz"));
  EXPECT_EQ(bytes.substr(3, 5), std::string(5, '\0'));  // RFC 1952: flags and time
}

TEST_F(Nifti, AShearedImageKeepsItsSform) {
  Geometry sheared = grid_;
  sheared.affine[0][1] = 0.4;  // no rotation holds this, so no qform and no ITK direction either
  std::string bytes = nifti_bytes(ramp(sheared), kFloat32);
  std::int16_t qform = 0;
  std::memcpy(&qform, bytes.data() + kQformCode, 2);
  EXPECT_EQ(qform, 0);
  write_gz(path_, bytes);
  const ImageVolume image = read_image(path_);
  EXPECT_EQ(image.voxels, ramp(grid_).voxels);
  EXPECT_TRUE(same_grid(image.geometry, sheared, 1e-5));
}

TEST_F(Nifti, TheSformCountsWithAWarningWhereTheQformDisagrees) {
  std::string bytes = nifti_bytes(ramp(grid_), kFloat32);
  put(bytes, kQoffset, 99.0F);
  write_gz(path_, bytes);
  EXPECT_TRUE(read_nifti_header(path_).forms_disagree);
  testing::internal::CaptureStdout();  // spdlog's logger before main() has set one
  const ImageVolume image = read_image(path_);
  EXPECT_THAT(testing::internal::GetCapturedStdout(),
              AllOf(HasSubstr("amos_0001.nii.gz"), HasSubstr("the sform is used")));
  EXPECT_TRUE(same_grid(image.geometry, grid_, 1e-5));
}

TEST_F(Nifti, AFourthAxisOfLengthOneIsAllowed) {
  std::string bytes = nifti_bytes(ramp(grid_), kFloat32);
  put(bytes, kDim, std::int16_t{4});
  write_gz(path_, bytes);
  EXPECT_EQ(read_image(path_).voxels, ramp(grid_).voxels);
}

TEST_F(Nifti, ReadsUncompressedFiles) {
  const auto plain = folder_.path() / "image.nii";
  write_file_atomically(plain, nifti_bytes(ramp(grid_), kFloat32));
  EXPECT_EQ(read_image(plain).voxels, ramp(grid_).voxels);
}

TEST_F(Nifti, RefusesOtherDimensions) {
  std::string four = nifti_bytes(ramp(upright_grid({5, 4, 6}, {1, 1, 1})), kFloat32);
  put(four, kDim, std::int16_t{4});
  put(four, kDim + 6, std::int16_t{3});
  put(four, kDim + 8, std::int16_t{2});
  EXPECT_THAT(refusal(four), AllOf(HasSubstr("amos_0001.nii.gz"), HasSubstr("4 dimensions, not 3")));
  std::string two = nifti_bytes(ramp(upright_grid({5, 4, 1}, {1, 1, 1})), kFloat32);
  put(two, kDim, std::int16_t{2});
  EXPECT_THAT(refusal(two), AllOf(HasSubstr("amos_0001.nii.gz"), HasSubstr("2 dimensions, not 3")));
}

TEST_F(Nifti, RefusesAFileCutAnywhere) {
  write_gz(path_, nifti_bytes(ramp(grid_), kFloat32));
  const std::string whole = read_file(path_);
  for (std::size_t length = 0; length < whole.size(); length += 7) {
    write_file_atomically(path_, whole.substr(0, length));
    EXPECT_THAT(message_of<DataError>([&] { read_image(path_); }), HasSubstr("amos_0001.nii.gz")) << length;
  }
  const std::string bytes = nifti_bytes(ramp(grid_), kFloat32);
  EXPECT_THAT(refusal(bytes.substr(0, bytes.size() - 3)),
              HasSubstr("it is cut: 240 bytes of voxels at offset 352 do not fit into its 589 bytes"));
}

TEST_F(Nifti, RefusesVoxelsThatAreNotFinite) {
  ImageVolume image = ramp(grid_);
  image.voxels[7] = std::numeric_limits<float>::quiet_NaN();
  image.voxels[8] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(refusal(nifti_bytes(image, kFloat32)),
              AllOf(HasSubstr("amos_0001.nii.gz"), HasSubstr("2 of 60 voxels")));
}

TEST_F(Nifti, RefusesAnAffineThatHasNoInverse) {
  std::string flat = nifti_bytes(ramp(grid_), kFloat32);
  for (std::size_t column = 0; column < 3; ++column) put(flat, kSrow + 4 * column, 0.0F);
  EXPECT_THAT(refusal(flat), HasSubstr("onto a plane"));
  put(flat, kSrow, std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT(refusal(flat), HasSubstr("not finite"));
}

TEST_F(Nifti, RefusesADataTypeThatIsNoNumber) {
  std::string colour = nifti_bytes(checkered(grid_), kUint8);
  put(colour, 70, std::int16_t{128});  // RGB
  EXPECT_THAT(refusal(colour), HasSubstr("data type 128"));
}

TEST_F(Nifti, RefusesAnAxisOfLengthZero) {
  std::string empty = nifti_bytes(ramp(grid_), kFloat32);
  put(empty, kDim + 4, std::int16_t{0});
  EXPECT_THAT(refusal(empty), HasSubstr("axis 2 has length 0"));
}

TEST_F(Nifti, AMissingFileIsTheUsersMistake) {
  try {
    read_image(folder_.path() / "absent.nii.gz");
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("absent.nii.gz"));
    EXPECT_EQ(error.exit_status(), 2);
  }
}

TEST_F(Nifti, BladderAndProstateBecomeBackgroundInLabels) {
  LabelMap labels = checkered(grid_);
  labels.voxels[0] = 14;
  labels.voxels[1] = 15;
  labels.voxels[2] = 13;
  write_label_map(path_, labels);
  const LabelMap read = read_label(path_);
  EXPECT_EQ(read.voxels[0], 0);
  EXPECT_EQ(read.voxels[1], 0);
  EXPECT_EQ(read.voxels[2], 13);
}

TEST_F(Nifti, RefusesLabelsThatAreNotInTheTable) {
  ImageVolume labels = ramp(grid_);
  for (float& value : labels.voxels) value = 1;
  for (const float wrong : {16.0F, -1.0F, 0.5F, 255.0F}) {
    labels.voxels[3] = wrong;
    EXPECT_THAT(label_refusal(labels),
                AllOf(HasSubstr("amos_0001.nii.gz"), HasSubstr("AMOS22's labels are 0..15")));
  }
}

TEST_F(Nifti, AnAxisTooLongForTheFormatIsRefusedAndNothingIsWritten) {
  const LabelMap wide = checkered(upright_grid({40000, 1, 1}, {1, 1, 1}));
  EXPECT_THROW(write_label_map(path_, wide), DataError);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(Nifti, SpacingZeroWithoutAnyFormIsRefused) {
  std::string bytes = nifti_bytes(ramp(grid_), kFloat32);
  put(bytes, kSformCode, std::int16_t{0});
  put(bytes, kQformCode, std::int16_t{0});
  put(bytes, kPixdim + 8, 0.0F);
  EXPECT_THAT(refusal(bytes), HasSubstr("onto a plane"));
}

}  // namespace
}  // namespace totum
