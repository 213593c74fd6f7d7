#include "data/published_crop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/data/volumes.h"

namespace totum {
namespace {

using ::testing::HasSubstr;

ImageVolume air(const Shape3& size_xyz) {
  const auto voxels = static_cast<std::size_t>(size_xyz[0] * size_xyz[1] * size_xyz[2]);
  return {upright_grid(size_xyz, {1, 1, 2}), std::vector<float>(voxels, -1000.0F)};
}

// Sets the voxels low..high (both included) of x, y and z.
void fill(ImageVolume& image, const Shape3& low_xyz, const Shape3& high_xyz, float value) {
  for (std::int64_t z = low_xyz[2]; z <= high_xyz[2]; ++z) {
    for (std::int64_t y = low_xyz[1]; y <= high_xyz[1]; ++y) {
      for (std::int64_t x = low_xyz[0]; x <= high_xyz[0]; ++x) image.at(z, y, x) = value;
    }
  }
}

BodyConfig small(std::int64_t minimum_voxels, std::int64_t arm_minimum_voxels) {
  BodyConfig config;
  config.minimum_voxels = minimum_voxels;
  config.arm_minimum_voxels = arm_minimum_voxels;
  return config;
}

TEST(BodyConfig, HasThePublishedNumbersAndReadsStrictly) {
  const auto read = [](const char* text) {
    return read_body_config(JsonReader(nlohmann::json::parse(text), "mine.json", "/preprocess/body"));
  };
  const BodyConfig config = read("{}");
  EXPECT_EQ(config.ct_threshold_hu, -200);
  EXPECT_EQ(config.mr_threshold, 25);
  EXPECT_EQ(config.case_thresholds,
            (std::map<std::string, double>{{"amos_0518", 30000}, {"amos_0540", 30000}}));
  EXPECT_EQ(config.minimum_voxels, 1000000);
  EXPECT_EQ(config.arm_minimum_voxels, 100000);
  EXPECT_EQ(to_json(read(to_json(config).dump().c_str())), to_json(config));
  EXPECT_TRUE(read(R"({"case_thresholds": {}})").case_thresholds.empty());
  EXPECT_EQ(message_of<ConfigError>([&] { read(R"({"minimum_voxels": 0})"); }),
            "mine.json: /preprocess/body/minimum_voxels is 0; must be at least 1");
  EXPECT_THAT(message_of<ConfigError>([&] { read(R"({"case_thresholds": {"a": "high"}})"); }),
              HasSubstr("must be an object of numbers by case id"));
  EXPECT_THAT(message_of<ConfigError>([&] { read(R"({"minimum": 1})"); }),
              HasSubstr("/preprocess/body/minimum"));
}

TEST(LabelExtent, GoesFromOneSliceBelowTheLowestOrganToTheHighest) {
  LabelMap label{upright_grid({3, 4, 9}, {1, 1, 2}), std::vector<std::uint8_t>(108, 0)};
  label.at(3, 1, 2) = 13;
  label.at(6, 3, 0) = 1;
  EXPECT_EQ(label_extent(label).start_xyz, (Shape3{0, 0, 2}));
  EXPECT_EQ(label_extent(label).size_xyz, (Shape3{3, 4, 5}));  // slices 2 to 6
  label.at(0, 0, 0) = 5;                                       // there is no slice below it
  label.at(8, 3, 2) = 5;
  EXPECT_EQ(label_extent(label).start_xyz, (Shape3{0, 0, 0}));
  EXPECT_EQ(label_extent(label).size_xyz, (Shape3{3, 4, 9}));
}

TEST(LabelExtent, RefusesALabelWithoutOrgans) {
  const LabelMap label{upright_grid({2, 2, 2}, {1, 1, 2}), std::vector<std::uint8_t>(8, 0)};
  EXPECT_THAT(message_of<DataError>([&] { label_extent(label); }), HasSubstr("its label has no organ"));
}

TEST(ErodedBody, KeepsVoxelsWhoseLowerNeighboursAreAboveTheThresholdToo) {
  ImageVolume image = air({5, 5, 5});
  fill(image, {1, 1, 1}, {3, 3, 3}, 0);
  image.at(1, 1, 4) = 0;     // a voxel that sticks out: gone
  image.at(3, 3, 3) = -200;  // at the threshold: not above it
  const auto body = eroded_body(image, -200);
  std::int64_t voxels = 0;
  for (const std::uint8_t v : body) voxels += v;
  EXPECT_EQ(voxels, 7);  // 2 x 2 x 2 of the 3 x 3 x 3 block, less its corner
  EXPECT_EQ(body[static_cast<std::size_t>((2 * 5 + 2) * 5 + 2)], 1);
  EXPECT_EQ(body[static_cast<std::size_t>((1 * 5 + 1) * 5 + 1)], 0);
  fill(image, {0, 0, 0}, {4, 4, 4}, 0);
  EXPECT_EQ(eroded_body(image, -200)[0], 0);  // nothing lies below the border
}

TEST(BodyBox, IsTheLargestPartWithItsMargin) {
  ImageVolume image = air({30, 24, 20});
  fill(image, {5, 6, 7}, {20, 15, 12}, 40);   // after erosion 6..20, 7..15, 8..12: 15 x 9 x 5
  fill(image, {24, 20, 1}, {28, 22, 4}, 40);  // a smaller part: the table
  const Box box = body_box(image, Modality::ct, "amos_0001", small(675, 1), 3);
  EXPECT_EQ(box.start_xyz, (Shape3{3, 4, 5}));
  EXPECT_EQ(box.size_xyz, (Shape3{21, 15, 11}));
}

TEST(BodyBox, SaysWhatIsMissingWhereThePartIsTooSmall) {
  ImageVolume image = air({30, 24, 20});
  fill(image, {5, 6, 7}, {20, 15, 12}, 40);
  EXPECT_THAT(message_of<DataError>([&] { body_box(image, Modality::ct, "amos_0001", {}, 3); }),
              testing::AllOf(HasSubstr("above -200 has 675 voxels after erosion; it needs 1000000"),
                             HasSubstr("preprocess/body/minimum_voxels")));
  EXPECT_THAT(message_of<DataError>([&] {
                body_box(air({4, 4, 4}), Modality::ct, "", small(1, 1), 3);
              }),
              HasSubstr("has 0 voxels"));
  BodyConfig config = small(600, 700);
  config.arm_extra_slices = 0;
  EXPECT_THAT(message_of<DataError>([&] { body_box(image, Modality::mr, "", config, 3); }),
              testing::AllOf(HasSubstr("lower slices"), HasSubstr("arm_minimum_voxels")));
}

TEST(BodyBox, SomeCasesHaveAThresholdOfTheirOwn) {
  ImageVolume image = air({20, 20, 20});
  fill(image, {2, 2, 2}, {17, 17, 17}, 1000);
  fill(image, {6, 6, 6}, {13, 13, 13}, 31000);
  EXPECT_EQ(body_box(image, Modality::mr, "amos_0507", small(10, 10), 0).size_xyz, (Shape3{15, 15, 15}));
  EXPECT_EQ(body_box(image, Modality::mr, "amos_0518", small(10, 10), 0).size_xyz, (Shape3{7, 7, 7}));
}

// 80 wide with arms above, 40 wide without: from slice 30 + 10 on the arms, which the lower part does not
// see.
TEST(BodyBox, ArmsBesideTheChestAreCutAwayInMr) {
  ImageVolume image = air({100, 20, 60});
  fill(image, {30, 4, 2}, {69, 15, 57}, 100);
  fill(image, {10, 4, 45}, {89, 15, 57}, 100);
  const BodyConfig config = small(1000, 1000);
  const Box mr = body_box(image, Modality::mr, "amos_0507", config, 3);
  EXPECT_EQ(mr.start_xyz[0], 31 - 5);
  EXPECT_EQ(mr.size_xyz[0], 39 + 2 * 5);
  EXPECT_EQ(mr.start_xyz[1], 5 - 3);  // y and z as the whole body has them
  EXPECT_EQ(mr.size_xyz[2], 60);      // slices 3 to 57, the margin cut at the border
  const Box ct = body_box(image, Modality::ct, "amos_0001", config, 3);
  EXPECT_EQ(ct.start_xyz[0], 11 - 3);
  EXPECT_EQ(ct.size_xyz[0], 79 + 2 * 3);
  BodyConfig wide = config;
  wide.arm_excess_voxels = 36;  // 85 - 49: not more than that
  EXPECT_EQ(body_box(image, Modality::mr, "amos_0507", wide, 3).size_xyz[0], 85);
  wide.arm_excess_voxels = 35;
  EXPECT_EQ(body_box(image, Modality::mr, "amos_0507", wide, 3).size_xyz[0], 49);
}

}  // namespace
}  // namespace totum
