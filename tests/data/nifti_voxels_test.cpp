#include "data/nifti_voxels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "data/nifti.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/volumes.h"

namespace totum {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t kSlope = 112, kIntercept = 116;  // offsets of nifti1.h
constexpr std::int16_t kUint8 = 2, kInt16 = 4, kFloat32 = 16;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class NiftiVoxels : public testing::Test {
 protected:
  // A file of 3 x 1 x 1 voxels that are stored as given.
  template <class T>
  std::string file_of(std::int16_t datatype, const std::array<T, 3>& stored) const {
    return nifti_bytes(Volume<T>{grid_, {stored.begin(), stored.end()}}, datatype);
  }
  // The same with every number of its header that is read turned to big-endian.
  template <class T>
  std::string big_endian_file_of(std::int16_t datatype, const std::array<T, 3>& stored) const {
    std::string file = file_of(datatype, stored);
    const auto turn = [&](std::size_t offset, std::size_t width, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) {
        const auto from = file.begin() + static_cast<std::ptrdiff_t>(offset + i * width);
        std::reverse(from, from + static_cast<std::ptrdiff_t>(width));
      }
    };
    turn(0, 4, 1);     // sizeof_hdr
    turn(40, 2, 8);    // dim
    turn(70, 2, 2);    // datatype, bitpix
    turn(76, 4, 8);    // pixdim
    turn(108, 4, 3);   // vox_offset, scl_slope, scl_inter
    turn(252, 2, 2);   // qform_code, sform_code
    turn(256, 4, 18);  // quaternion, offsets, sform
    turn(352, sizeof(T), 3);
    return file;
  }
  std::vector<float> read(const std::string& file) const {
    write_gz(path_, file);
    return read_image(path_).voxels;
  }
  template <class T>
  std::vector<float> read_scaled(std::int16_t datatype, const std::array<T, 3>& stored, double slope,
                                 double intercept) const {
    std::string file = file_of(datatype, stored);
    put(file, kSlope, static_cast<float>(slope));
    put(file, kIntercept, static_cast<float>(intercept));
    return read(file);
  }
  template <class T>
  void expect_both_byte_orders(std::int16_t datatype, const std::array<T, 3>& stored,
                               const std::array<float, 3>& expected) const {
    SCOPED_TRACE(datatype);
    EXPECT_THAT(read(file_of(datatype, stored)), testing::ElementsAreArray(expected));
    EXPECT_THAT(read(big_endian_file_of(datatype, stored)), testing::ElementsAreArray(expected));
  }
  // Reads labels and gives what was said meanwhile.
  std::string said_while_reading_label(LabelMap& label) const {
    testing::internal::CaptureStdout();  // spdlog's logger before main() has set one
    label = read_label(path_);
    return testing::internal::GetCapturedStdout();
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "amos_0001.nii.gz";
  Geometry grid_ = upright_grid({3, 1, 1}, {1, 2, 3});
};

// Codes and ranges: nifti1.h. What float32 can't hold is rounded to the nearest (IEEE 754).
TEST_F(NiftiVoxels, EveryDataTypeInBothByteOrders) {
  expect_both_byte_orders<std::uint8_t>(2, {0, 1, 255}, {0, 1, 255});
  expect_both_byte_orders<std::int8_t>(256, {-128, -1, 127}, {-128, -1, 127});
  expect_both_byte_orders<std::int16_t>(4, {-32768, 258, 32767}, {-32768, 258, 32767});
  expect_both_byte_orders<std::uint16_t>(512, {0, 258, 65535}, {0, 258, 65535});
  expect_both_byte_orders<std::int32_t>(8, {-16777217, 66051, 2147483647}, {-16777216, 66051, 2147483648.0F});
  expect_both_byte_orders<std::uint32_t>(768, {0, 66051, 4294967295U}, {0, 66051, 4294967296.0F});
  expect_both_byte_orders<std::int64_t>(1024, {-4294967296, 66051, 1}, {-4294967296.0F, 66051, 1});
  expect_both_byte_orders<std::uint64_t>(1280, {4294967296U, 66051, 1}, {4294967296.0F, 66051, 1});
  expect_both_byte_orders<float>(16, {-1.5F, 0.1F, 3e38F}, {-1.5F, 0.1F, 3e38F});
  expect_both_byte_orders<double>(64, {-1.5, 0.1, 1e30}, {-1.5F, 0.1F, 1e30F});
}

TEST_F(NiftiVoxels, SlopeAndInterceptAreApplied) {
  EXPECT_THAT(read_scaled<std::int16_t>(kInt16, {0, 100, -4}, 2.5, -1024), ElementsAre(-1024, -774, -1034));
  EXPECT_THAT(read_scaled<float>(kFloat32, {0.5F, 2, -1}, 4, 1), ElementsAre(3, 9, -3));
  EXPECT_THAT(read_scaled<std::uint8_t>(kUint8, {0, 1, 255}, 1, 5), ElementsAre(5, 6, 260));
}

// nifti1.h: "if scl_slope is nonzero", the voxels are scaled; so 0 says nothing about scl_inter either.
TEST_F(NiftiVoxels, ASlopeOfZeroOrNotFiniteScalesNothing) {
  for (const double slope : {0.0, -0.0, kNaN, kInfinity, -kInfinity}) {
    for (const double intercept : {0.0, 5.0, -1024.0, kNaN, kInfinity}) {
      SCOPED_TRACE(testing::Message() << slope << " " << intercept);
      EXPECT_THAT(read_scaled<std::int16_t>(kInt16, {0, 100, -4}, slope, intercept), ElementsAre(0, 100, -4));
    }
  }
}

TEST_F(NiftiVoxels, AnInterceptThatIsNotFiniteCountsAsZeroWithAWarning) {
  testing::internal::CaptureStdout();
  EXPECT_THAT(read_scaled<std::int16_t>(kInt16, {0, 100, -4}, 2, kNaN), ElementsAre(0, 200, -8));
  EXPECT_THAT(testing::internal::GetCapturedStdout(),
              AllOf(HasSubstr("amos_0001.nii.gz"), HasSubstr("scl_inter")));
}

TEST_F(NiftiVoxels, ValuesThatFloat32CantHoldAreRefused) {
  write_gz(path_, file_of<double>(64, {1, 1e39, 2}));
  EXPECT_THAT(message_of<DataError>([&] { read_image(path_); }), HasSubstr("1 of 3 voxels"));
}

TEST_F(NiftiVoxels, LabelsOfEveryDataTypeAreWholeNumbers) {
  const auto labels_of = [&](const std::string& file) {
    write_gz(path_, file);
    return read_label(path_).voxels;
  };
  const auto expected = ElementsAre(0, 13, 0);  // 15 becomes background
  EXPECT_THAT(labels_of(file_of<std::uint8_t>(2, {0, 13, 15})), expected);
  EXPECT_THAT(labels_of(file_of<std::int8_t>(256, {0, 13, 15})), expected);
  EXPECT_THAT(labels_of(big_endian_file_of<std::int16_t>(4, {0, 13, 15})), expected);
  EXPECT_THAT(labels_of(file_of<std::uint64_t>(1280, {0, 13, 15})), expected);
  EXPECT_THAT(labels_of(file_of<double>(64, {0, 13, 15})), expected);
}

TEST_F(NiftiVoxels, LabelsOutsideTheTableAreNamedWithTheirPlace) {
  const auto refusal = [&](const std::string& file) {
    write_gz(path_, file);
    return message_of<DataError>([&] { read_label(path_); });
  };
  EXPECT_THAT(refusal(file_of<std::uint8_t>(2, {0, 13, 16})), HasSubstr("voxel 2 has the label 16"));
  EXPECT_THAT(refusal(file_of<std::int8_t>(256, {0, -1, 3})), HasSubstr("voxel 1 has the label -1"));
  EXPECT_THAT(refusal(file_of<std::int32_t>(8, {258, 0, 0})), HasSubstr("voxel 0 has the label 258"));
  EXPECT_THAT(refusal(file_of<std::int64_t>(1024, {0, 4294967297, 0})),
              HasSubstr("voxel 1 has the label 4294967297"));
}

TEST_F(NiftiVoxels, LabelsNearlyWholeAreRoundedWithOneWarningThatCountsThem) {
  write_gz(path_, file_of<float>(kFloat32, {5.0009F, 12.9995F, 7}));
  LabelMap label;
  const std::string said = said_while_reading_label(label);
  EXPECT_THAT(label.voxels, ElementsAre(5, 13, 7));
  EXPECT_THAT(said, AllOf(HasSubstr("amos_0001.nii.gz"), HasSubstr("2 of 3 voxels"), HasSubstr("rounded")));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
}

TEST_F(NiftiVoxels, WholeLabelsInFloatAreReadWithoutAWord) {
  write_gz(path_, file_of<float>(kFloat32, {5, 13, 7}));
  LabelMap label;
  EXPECT_EQ(said_while_reading_label(label), "");
  EXPECT_THAT(label.voxels, ElementsAre(5, 13, 7));
}

TEST_F(NiftiVoxels, LabelsFurtherFromAWholeNumberAreRefused) {
  for (const float off : {5.0015F, 4.5F, 15.01F, -0.002F}) {
    write_gz(path_, file_of<float>(kFloat32, {0, off, 0}));
    EXPECT_THAT(message_of<DataError>([&] { read_label(path_); }), HasSubstr("voxel 1 has the label")) << off;
  }
}

TEST_F(NiftiVoxels, ScaledLabelsAreWhatTheirScaleMakesThem) {
  std::string file =
      file_of<std::uint8_t>(kUint8, {0, 255, 85});  // 6/255 as a conversion from 0..255 leaves it
  put(file, kSlope, 6.0F / 255.0F);
  write_gz(path_, file);
  EXPECT_THAT(read_label(path_).voxels, ElementsAre(0, 6, 2));
}

TEST_F(NiftiVoxels, LabelsOfAnotherNumberingKeepTheirValues) {
  write_gz(path_, file_of<std::int16_t>(kInt16, {-5, 300, 1024}));
  EXPECT_THAT(read_label_values(path_).voxels, ElementsAre(-5, 300, 1024));
  write_gz(path_, file_of<float>(kFloat32, {104.0005F, 117, 0}));
  EXPECT_THAT(read_label_values(path_).voxels, ElementsAre(104, 117, 0));
  write_gz(path_, file_of<float>(kFloat32, {104.5F, 117, 0}));
  EXPECT_THAT(message_of<DataError>([&] { read_label_values(path_); }), HasSubstr("104.5"));
  write_gz(path_, file_of<std::uint32_t>(768, {0, 4294967295U, 0}));
  EXPECT_THAT(message_of<DataError>([&] { read_label_values(path_); }), HasSubstr("4294967295"));
}

}  // namespace
}  // namespace totum
