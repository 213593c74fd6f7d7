// Which files are read: offsets, units, sizes, gzip members and neighbours.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/files.h"
#include "data/gzip.h"
#include "data/nifti.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/volumes.h"

namespace totum {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Offsets of nifti1.h.
constexpr std::size_t kDim = 40, kPixdim = 76, kVoxOffset = 108, kUnits = 123, kQformCode = 252,
                      kSformCode = 254;
constexpr std::int16_t kUint8 = 2, kFloat32 = 16;

class NiftiFile : public testing::Test {
 protected:
  NiftiFile() : image_{grid_, std::vector<float>(60)} {
    for (std::size_t i = 0; i < image_.voxels.size(); ++i) image_.voxels[i] = static_cast<float>(i);
  }
  std::string refusal(const std::string& bytes) const {
    write_gz(path_, bytes);
    return message_of<DataError>([&] { read_image(path_); });
  }
  std::string said_while_reading() const {
    testing::internal::CaptureStdout();  // spdlog's logger before main() has set one
    read_image(path_);
    return testing::internal::GetCapturedStdout();
  }
  // The header with its voxels at another offset, zeros between.
  std::string shifted(std::size_t offset) const {
    std::string bytes = nifti_bytes(image_, kFloat32);
    bytes.insert(352, offset - 352, '\0');
    put(bytes, kVoxOffset, static_cast<float>(offset));
    return bytes;
  }
  Geometry read_with_unit(std::uint8_t unit, int sform, int qform) const {
    std::string bytes = nifti_bytes(image_, kFloat32);
    put(bytes, kUnits, unit);
    put(bytes, kSformCode, static_cast<std::int16_t>(sform));
    put(bytes, kQformCode, static_cast<std::int16_t>(qform));
    write_gz(path_, bytes);
    return read_image(path_).geometry;
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "amos_0001.nii.gz";
  Geometry grid_ = upright_grid({5, 4, 3}, {1, 2, 3});
  ImageVolume image_;
};

TEST_F(NiftiFile, NeighboursOfTheSameNameAreNotRead) {
  ImageVolume other = image_;
  for (float& value : other.voxels) value = -7;
  write_gz(path_, nifti_bytes(image_, kFloat32));
  for (const char* name : {"amos_0001.nii", "amos_0001.hdr", "amos_0001.img", "amos_0001.img.gz"}) {
    write_file_atomically(folder_.path() / name, nifti_bytes(other, kFloat32));
    EXPECT_EQ(read_image(path_).voxels, image_.voxels) << name;
    write_file_atomically(folder_.path() / name, "");
    EXPECT_EQ(read_image(path_).voxels, image_.voxels) << name << " of no bytes";
  }
}

TEST_F(NiftiFile, VoxelsMayBeginAnywhereAfterTheHeader) {
  for (const std::size_t offset : {352U, 353U, 360U, 400U, 1000U}) {  // the standard asks for multiples of 16
    write_gz(path_, shifted(offset));
    EXPECT_EQ(read_image(path_).voxels, image_.voxels) << offset;
  }
}

TEST_F(NiftiFile, VoxelsThatBeginWithinTheHeaderOrNowhereAreRefused) {
  const std::string bytes = nifti_bytes(image_, kFloat32);
  for (const float offset :
       {0.0F, 1.0F, 348.0F, 351.0F, -352.0F, 352.5F, 1e30F, std::numeric_limits<float>::quiet_NaN(),
        std::numeric_limits<float>::infinity()}) {
    std::string spoilt = bytes;
    put(spoilt, kVoxOffset, offset);
    EXPECT_THAT(refusal(spoilt), AllOf(HasSubstr("amos_0001.nii.gz"), HasSubstr("vox_offset"))) << offset;
  }
  std::string beyond = bytes;
  put(beyond, kVoxOffset, 356.0F);
  EXPECT_THAT(refusal(beyond), HasSubstr("do not fit"));
}

// 1 m = 1000 mm, 1 micron = .001 mm; unit 0 says nothing and is mm. The time's unit (here 8, seconds) is no
// part.
TEST_F(NiftiFile, LengthsBecomeMillimetresInEveryForm) {
  const std::vector<std::pair<std::uint8_t, double>> units{
      {0, 1}, {1, 1000}, {2, 1}, {3, .001}, {8 + 1, 1000}};
  for (const auto& [unit, factor] : units) {
    for (const auto& [sform, qform] : {std::pair{1, 1}, {1, 0}, {0, 1}, {0, 0}}) {
      SCOPED_TRACE(testing::Message() << int{unit} << ", sform " << sform << ", qform " << qform);
      const Geometry plain = read_with_unit(2, sform, qform);
      const Geometry got = read_with_unit(unit, sform, qform);
      for (std::size_t row = 0; row < 3; ++row) {
        for (std::size_t column = 0; column < 4; ++column)
          EXPECT_DOUBLE_EQ(got.affine[row][column], factor * plain.affine[row][column]);
      }
    }
  }
  EXPECT_NEAR(read_with_unit(3, 1, 1).affine[1][3], .035, 1e-12);  // the grid's 35 along y
}

TEST_F(NiftiFile, WarnsOfAnUnknownUnitAndOfEdgesThatNoScannerMakes) {
  std::string bytes = nifti_bytes(image_, kFloat32);
  write_gz(path_, bytes);
  EXPECT_EQ(said_while_reading(), "");
  put(bytes, kUnits, std::uint8_t{0});
  write_gz(path_, bytes);
  EXPECT_EQ(said_while_reading(), "");
  put(bytes, kUnits, std::uint8_t{5});
  write_gz(path_, bytes);
  EXPECT_THAT(said_while_reading(), AllOf(HasSubstr("amos_0001.nii.gz"), HasSubstr("unit of length 5")));
  for (const double edge : {.049, 20.1}) {
    const ImageVolume odd{upright_grid({5, 4, 3}, {1, edge, 3}), image_.voxels};
    write_gz(path_, nifti_bytes(odd, kFloat32));
    EXPECT_THAT(said_while_reading(), AllOf(HasSubstr("implausible"), HasSubstr("xyzt_units"))) << edge;
  }
  for (const double edge : {.051, 19.9}) {
    const ImageVolume odd{upright_grid({5, 4, 3}, {1, edge, 3}), image_.voxels};
    write_gz(path_, nifti_bytes(odd, kFloat32));
    EXPECT_EQ(said_while_reading(), "") << edge;
  }
}

TEST_F(NiftiFile, AHeaderThatAnnouncesTooManyVoxelsIsRefusedBeforeMemoryIsTaken) {
  std::string bytes = nifti_bytes(image_, kFloat32);
  for (std::size_t axis = 1; axis <= 3; ++axis) put(bytes, kDim + 2 * axis, std::int16_t{32767});
  EXPECT_THAT(refusal(bytes), AllOf(HasSubstr("32767 x 32767 x 32767 voxels"), HasSubstr("536870912")));
  write_file_atomically(folder_.path() / "plain.nii", bytes);
  EXPECT_THROW(read_image(folder_.path() / "plain.nii"), DataError);
  for (std::size_t axis = 1; axis <= 3; ++axis) put(bytes, kDim + 2 * axis, std::int16_t{800});
  EXPECT_THAT(refusal(bytes), HasSubstr("cannot hold"));  // 2 GB out of some hundred bytes
}

TEST_F(NiftiFile, AFileThatUnpacksToMoreThanItsHeaderSaysIsRefused) {
  const std::string bytes = nifti_bytes(image_, kFloat32);
  EXPECT_THAT(refusal(bytes + std::string(kUnpackedSlack + 1, '\0')), HasSubstr("unpacks to more than"));
  write_gz(path_, bytes + std::string(5000, '\0'));  // a few bytes behind the voxels are nobody's harm
  EXPECT_EQ(read_image(path_).voxels, image_.voxels);
}

TEST_F(NiftiFile, ReadsAllMembersOfAGzipFileAndNothingBehindThem) {
  const std::string bytes = nifti_bytes(image_, kFloat32);
  for (const std::size_t cut : {100U, 351U, 400U}) {  // one within the header
    const std::string two = gzip_bytes(bytes.substr(0, cut), 6) + gzip_bytes(bytes.substr(cut), 6);
    for (const std::string& behind :
         {std::string(), std::string(512, '\0'), std::string("<html>garbage</html>")}) {
      write_file_atomically(path_, two + behind);
      EXPECT_EQ(read_image(path_).voxels, image_.voxels) << cut << " " << behind.size();
    }
    write_file_atomically(path_, two.substr(0, two.size() - 9));
    EXPECT_THAT(message_of<DataError>([&] { read_image(path_); }), HasSubstr("damaged or cut"));
  }
}

TEST_F(NiftiFile, AWrongChecksumIsDamage) {
  write_gz(path_, nifti_bytes(image_, kFloat32));
  std::string packed = read_file(path_);
  packed[packed.size() - 8] = static_cast<char>(packed[packed.size() - 8] ^ 0x55);
  write_file_atomically(path_, packed);
  EXPECT_THAT(message_of<DataError>([&] { read_image(path_); }), HasSubstr("damaged or cut"));
}

TEST_F(NiftiFile, APageInPlaceOfAnImageIsNoGzipFile) {
  write_file_atomically(path_, "<html>quota exceeded</html>");
  EXPECT_THAT(message_of<DataError>([&] { read_image(path_); }), HasSubstr("not a gzip file"));
  write_file_atomically(path_, "");
  EXPECT_THAT(message_of<DataError>([&] { read_image(path_); }), HasSubstr("empty"));
}

// Fields and offsets: nifti2.h.
std::string nifti2_bytes(const LabelMap& labels, std::int64_t offset) {
  std::string bytes(544, '\0');
  put(bytes, 0, std::int32_t{540});
  std::memcpy(bytes.data() + 4, "n+2\0\r\n\032\n", 8);
  put(bytes, 12, kUint8);
  put(bytes, 16, std::int64_t{3});
  for (std::size_t axis = 0; axis < 3; ++axis) put(bytes, 24 + 8 * axis, labels.geometry.size_xyz[axis]);
  for (std::size_t i = 0; i < 8; ++i) put(bytes, 104 + 8 * i, 1.0);
  put(bytes, 168, offset);
  put(bytes, 348, std::int32_t{1});  // sform_code
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 4; ++column)
      put(bytes, 400 + 32 * row + 8 * column, labels.geometry.affine[row][column]);
  }
  put(bytes, 500, std::int32_t{3});  // micron
  bytes.append(labels.voxels.begin(), labels.voxels.end());
  return bytes;
}

TEST_F(NiftiFile, ReadsTheSecondVersion) {
  LabelMap labels{upright_grid({5, 4, 3}, {1000, 2000, 3000}), std::vector<std::uint8_t>(60, 3)};
  labels.voxels[7] = 13;
  write_gz(path_, nifti2_bytes(labels, 544));
  const LabelMap read = read_label(path_);
  EXPECT_EQ(read.voxels, labels.voxels);
  EXPECT_EQ(read.geometry.size_xyz, labels.geometry.size_xyz);
  EXPECT_NEAR(read.geometry.affine[2][2], 3, 1e-12);  // 3000 microns
  EXPECT_THAT(refusal(nifti2_bytes(labels, 540)), HasSubstr("vox_offset"));
}

TEST_F(NiftiFile, ALargeLengthOfTheSecondVersionIsNoOverflow) {
  LabelMap labels{upright_grid({5, 4, 3}, {1, 2, 3}), std::vector<std::uint8_t>(60, 3)};
  std::string bytes = nifti2_bytes(labels, 544);
  put(bytes, 24, std::int64_t{1} << 32);
  put(bytes, 32, std::int64_t{1} << 32);  // their product is 0 in 64 bits
  EXPECT_THAT(refusal(bytes), HasSubstr("more than the 536870912"));
}

}  // namespace
}  // namespace totum
