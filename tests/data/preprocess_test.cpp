#include "data/preprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "data/normalise.h"
#include "data/resample.h"
#include "data/torso.h"
#include "tests/data/volumes.h"

namespace totum {
namespace {

using ::testing::HasSubstr;

PreprocessConfig spacing_zyx(double z, double y, double x, std::int64_t margin = 3) {
  return {{z, y, x}, margin};
}

TEST(Preprocess, ReadsItsConfigurationStrictly) {
  const auto read = [](const char* text) {
    return read_preprocess_config(JsonReader(nlohmann::json::parse(text), "smoke.json", "/preprocess"));
  };
  const PreprocessConfig config = read(R"({"spacing_mm": [8, 6, 6], "torso_margin_voxels": 1})");
  EXPECT_EQ(config.spacing_mm, (Vector3{8, 6, 6}));
  EXPECT_EQ(config.torso_margin_voxels, 1);
  EXPECT_EQ(read("{}").spacing_mm, (Vector3{2, 1, 1}));
  EXPECT_THAT(message_of<ConfigError>([&] { read(R"({"spacing_mm": [2, 0, 1]})"); }),
              HasSubstr("smoke.json: /preprocess/spacing_mm/1 is 0"));
  EXPECT_THAT(message_of<ConfigError>([&] { read(R"({"spacing_mm": [2, 1]})"); }),
              HasSubstr("array of 3 values"));
  EXPECT_THAT(message_of<ConfigError>([&] { read(R"({"torso_margin_voxels": -1})"); }), HasSubstr("is -1"));
  EXPECT_THAT(message_of<ConfigError>([&] { read(R"({"torso_margin": 3})"); }), HasSubstr("torso_margin"));
  EXPECT_EQ(read(to_json(config).dump().c_str()).spacing_mm, config.spacing_mm);
}

TEST(Preprocess, AtEqualSpacingTheWayBackIsTheExactInverse) {
  const auto [image, label] = body(turned(upright_grid({17, 14, 11}, {1.5, 2, 4}), 20), 4);
  for (const StorageOrder& order : all_storage_orders()) {
    const LabelMap native = stored_as(label, order);
    const auto done = preprocess(stored_as(image, order), native, Modality::ct, spacing_zyx(4, 2, 1.5));
    EXPECT_EQ(to_native({done.network, done.label}, done.native).voxels, native.voxels);
  }
}

TEST(Preprocess, WhatAFileStoresInAnotherOrderGivesTheSameNetworkGrid) {
  const auto [image, label] = body(turned(upright_grid({17, 14, 11}, {1.5, 2, 4}), 20), 5);
  const auto expected = preprocess(image, label, Modality::mr, spacing_zyx(2, 1, 1));
  for (const StorageOrder& order : all_storage_orders()) {
    const auto done =
        preprocess(stored_as(image, order), stored_as(label, order), Modality::mr, spacing_zyx(2, 1, 1));
    ASSERT_TRUE(same_grid(done.network, expected.network, 1e-6));
    EXPECT_EQ(done.label, expected.label);
    for (std::size_t i = 0; i < done.image.size(); ++i) ASSERT_NEAR(done.image[i], expected.image[i], 1e-4);
  }
}

TEST(Preprocess, OnAFinerGridTheWayBackFindsEveryVoxelOfTheBody) {
  const auto [image, label] = body(turned(upright_grid({17, 14, 11}, {1.5, 2, 4}), 20), 6);
  const auto done = preprocess(image, label, Modality::ct, spacing_zyx(0.9, 0.7, 0.6));
  EXPECT_EQ(to_native({done.network, done.label}, done.native).voxels, label.voxels);
}

TEST(Preprocess, ObliqueAxesAreKept) {
  const Geometry oblique = turned(upright_grid({17, 14, 11}, {1.5, 2, 4}), 20);
  const auto [image, label] = body(oblique, 7);
  const auto done = preprocess(image, label, Modality::ct, spacing_zyx(2, 1, 1));
  for (std::size_t axis = 0; axis < 3; ++axis) {
    for (std::size_t row = 0; row < 3; ++row) {
      EXPECT_NEAR(done.network.affine[row][axis] / (axis == 2 ? 2 : 1),
                  oblique.affine[row][axis] / spacing_mm_xyz(oblique)[axis], 1e-9);
    }
  }
}

TEST(Preprocess, TheLabelDecidesNothingAboutTheImage) {
  const auto [image, label] = body(upright_grid({17, 14, 11}, {1.5, 2, 4}), 8);
  const auto with = preprocess(image, label, Modality::ct, spacing_zyx(2, 1, 1));
  const auto without = preprocess(image, std::nullopt, Modality::ct, spacing_zyx(2, 1, 1));
  EXPECT_EQ(with.image, without.image);
  EXPECT_EQ(with.network.affine, without.network.affine);
  EXPECT_TRUE(without.label.empty());
}

TEST(Preprocess, RefusesALabelOfAnotherSizeOrPlace) {
  const auto [image, label] = body(upright_grid({8, 8, 8}, {2, 2, 2}), 9);
  const auto [other_image, other_label] = body(upright_grid({8, 8, 7}, {2, 2, 2}), 9);
  const auto refusal = [&image = image](const LabelMap& wrong) {
    return message_of<DataError>([&] { preprocess(image, wrong, Modality::ct, {}); });
  };
  EXPECT_THAT(refusal(other_label), HasSubstr("the label has 8 x 8 x 7 voxels, its image 8 x 8 x 8"));
  LabelMap shifted = label;
  shifted.geometry.affine[1][3] += 0.2;
  EXPECT_THAT(refusal(shifted), HasSubstr("another spacing, origin or direction"));
  shifted.geometry.affine[1][3] = label.geometry.affine[1][3] + 1e-3;  // rounding of headers
  EXPECT_EQ(refusal(shifted), "");
}

TEST(Preprocess, CtIsClippedAndPaddedWithAir) {
  ImageVolume image{upright_grid({4, 1, 1}, {1, 1, 1}), {-1000, -325, 65, 3000}};
  const auto done = preprocess(image, std::nullopt, Modality::ct, spacing_zyx(1, 1, 1));
  EXPECT_EQ(done.image, (std::vector<float>{-1, -1, 0.2F, 1}));
  EXPECT_EQ(done.padding, -1);
}

TEST(Preprocess, MrIsScoredOverTheCropAndPaddedWithRawZero) {
  const auto [image, label] = body(upright_grid({16, 14, 11}, {2, 2, 4}), 10);
  const auto done = preprocess(image, std::nullopt, Modality::mr, spacing_zyx(4, 2, 2));
  double sum = 0;
  double squares = 0;
  for (const float v : done.image) {
    sum += static_cast<double>(v);
    squares += static_cast<double>(v) * static_cast<double>(v);
  }
  const auto count = static_cast<double>(done.image.size());
  EXPECT_NEAR(sum / count, 0, 1e-5);
  EXPECT_NEAR(squares / count, 1, 1e-5);  // population
  // Two voxels whose raw values are known give the line back; raw 0 on it is the padding.
  const std::size_t a = 0;
  const std::size_t b = done.image.size() / 2;
  const ImageVolume raw = resample_linear(image, done.network, Outside::edge);
  const double slope =
      static_cast<double>(done.image[b] - done.image[a]) / static_cast<double>(raw.voxels[b] - raw.voxels[a]);
  EXPECT_NEAR(done.padding, static_cast<double>(done.image[a]) - slope * static_cast<double>(raw.voxels[a]),
              1e-4);
}

TEST(Preprocess, AConstantImageIsKeptWholeAndBecomesZero) {
  const ImageVolume image{upright_grid({4, 5, 6}, {1, 1, 2}), std::vector<float>(120, 7.0F)};
  const auto done = preprocess(image, std::nullopt, Modality::mr, spacing_zyx(2, 1, 1));
  EXPECT_EQ(done.network.size_xyz, (Shape3{4, 5, 6}));
  EXPECT_TRUE(std::all_of(done.image.begin(), done.image.end(), [](float v) { return v == 0; }));
}

TEST(Torso, TheBoxHoldsTheLargestPartAndItsMarginInsideTheVolume) {
  ImageVolume image{upright_grid({20, 20, 20}, {1, 1, 1}), std::vector<float>(8000, 0.0F)};
  for (std::int64_t z = 5; z <= 9; ++z) {
    for (std::int64_t y = 1; y <= 6; ++y) {
      for (std::int64_t x = 8; x <= 18; ++x) image.at(z, y, x) = 100;
    }
  }
  image.at(10, 7, 19) = 100;   // touches the block by a corner only: not of the same component
  image.at(15, 15, 15) = 100;  // elsewhere
  const Box box = largest_component_box(image, 50, 3);
  EXPECT_EQ(box.start_xyz, (Shape3{5, 0, 2}));
  EXPECT_EQ(box.size_xyz, (Shape3{15, 10, 11}));
  const Box tight = largest_component_box(image, 50, 0);
  EXPECT_EQ(tight.start_xyz, (Shape3{8, 1, 5}));
  EXPECT_EQ(tight.size_xyz, (Shape3{11, 6, 5}));
}

TEST(Torso, AVolumeWithNothingAboveTheThresholdIsKeptWhole) {
  const ImageVolume image{upright_grid({3, 4, 5}, {1, 1, 1}), std::vector<float>(60, 1.0F)};
  EXPECT_EQ(largest_component_box(image, 1, 3).size_xyz, (Shape3{3, 4, 5}));
}

}  // namespace
}  // namespace totum
