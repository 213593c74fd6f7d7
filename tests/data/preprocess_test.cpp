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
  EXPECT_EQ(to_json(read(to_json(config).dump().c_str())), to_json(config));
  EXPECT_EQ(config.z_extent, "torso");
  EXPECT_EQ(config.torso, "otsu");
  EXPECT_THAT(message_of<ConfigError>([&] { read(R"({"z_extent": "label"})"); }),
              HasSubstr("/preprocess/z_extent is \"label\""));
  EXPECT_THAT(message_of<ConfigError>([&] { read(R"({"torso": "mask"})"); }), HasSubstr("/preprocess/torso"));
  EXPECT_THAT(message_of<ConfigError>([&] { read(R"({"padded_voxels": [1, -1, 1]})"); }),
              HasSubstr("/preprocess/padded_voxels/1 is -1"));
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
  EXPECT_THAT(refusal(other_label), HasSubstr("8 x 8 x 7 voxels (x, y, z) instead of 8 x 8 x 8"));
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

// ---- as the published code does ----

PreprocessConfig published(std::int64_t minimum_voxels) {
  PreprocessConfig config = spacing_zyx(4, 2, 2);
  config.z_extent = "labels";
  config.torso = "body";
  config.body.minimum_voxels = minimum_voxels;
  config.body.arm_minimum_voxels = minimum_voxels / 10;
  return config;
}

TEST(Preprocess, TheLabelsExtentCutsTheVolumeAndTheWayBackStays) {
  auto [image, label] = body(upright_grid({40, 36, 30}, {2, 2, 4}), 11);
  for (std::int64_t z = 0; z < 30; ++z) {
    for (std::size_t i = 0; i < 40 * 36; ++i) {
      if (z < 12 || z > 18) label.voxels[static_cast<std::size_t>(z) * 40 * 36 + i] = 0;
    }
  }
  const auto done = preprocess(image, label, Modality::ct, published(1000));
  EXPECT_EQ(done.network.size_xyz[2], 8);  // slices 11 to 18, all of them inside the body
  EXPECT_EQ(world_mm(done.network, 0, 0, 0)[2], world_mm(image.geometry, 0, 0, 11)[2]);
  EXPECT_LT(done.network.size_xyz[0], 40);
  EXPECT_EQ(to_native({done.network, done.label}, done.native).voxels, label.voxels);
  PreprocessConfig otsu = published(1000);
  otsu.torso = "otsu";
  EXPECT_EQ(preprocess(image, label, Modality::ct, otsu).network.size_xyz[2], 8);
}

TEST(Preprocess, TheLabelsExtentNeedsALabelWithOrgans) {
  auto [image, label] = body(upright_grid({20, 18, 15}, {2, 2, 4}), 12);
  EXPECT_THAT(message_of<DataError>(
                  [&image = image] { preprocess(image, std::nullopt, Modality::ct, published(10)); }),
              HasSubstr("it has no label, but preprocess/z_extent is \"labels\""));
  std::fill(label.voxels.begin(), label.voxels.end(), std::uint8_t{0});
  EXPECT_THAT(message_of<DataError>([&] { preprocess(image, label, Modality::ct, published(10)); }),
              HasSubstr("its label has no organ"));
}

TEST(Preprocess, ThePublishedMinimumIsTheDefaultAndTooLargeForAPhantom) {
  const auto [image, label] = body(upright_grid({20, 18, 15}, {2, 2, 4}), 13);
  PreprocessConfig config = published(10);
  config.body = {};
  EXPECT_THAT(message_of<DataError>([&] { preprocess(image, label, Modality::ct, config); }),
              HasSubstr("it needs 1000000"));
}

TEST(Preprocess, ACasesOwnThresholdIsFoundByItsId) {
  auto [image, label] = body(upright_grid({20, 18, 15}, {2, 2, 4}), 14);
  for (float& v : image.voxels) v = 1000 * (v + 1000);  // air about 50,000, body about a million
  PreprocessConfig config = published(10);
  config.torso_margin_voxels = 0;
  config.body.case_thresholds = {{"amos_0518", 500000}};
  const auto plain = preprocess(image, label, Modality::mr, config, "amos_0507");
  const auto own = preprocess(image, label, Modality::mr, config, "amos_0518");
  EXPECT_GT(plain.network.size_xyz[0], own.network.size_xyz[0]);
}

TEST(Preprocess, PaddingBeforeNormalisationCountsAndIsRawZero) {
  const auto [image, label] = body(upright_grid({16, 14, 11}, {2, 2, 4}), 10);
  PreprocessConfig config = spacing_zyx(4, 2, 2);
  const auto plain = preprocess(image, label, Modality::mr, config);
  config.padded_voxels = {20, 8, 30};  // the height is larger already
  const auto padded = preprocess(image, label, Modality::mr, config);
  const Shape3 shape = plain.network.shape();
  ASSERT_EQ(padded.network.shape(), shape);  // the padding itself is not stored
  // With the padding in, mean and deviation are 0 and 1.
  const auto voxels =
      static_cast<double>(std::max<std::int64_t>(shape[0], 20) * std::max<std::int64_t>(shape[1], 8) *
                          std::max<std::int64_t>(shape[2], 30));
  const double zeros = voxels - static_cast<double>(padded.image.size());
  const auto pad = static_cast<double>(padded.padding);
  double sum = zeros * pad, squares = zeros * pad * pad;
  for (const float v : padded.image) {
    sum += static_cast<double>(v);
    squares += static_cast<double>(v) * static_cast<double>(v);
  }
  EXPECT_NEAR(sum / voxels, 0, 1e-5);
  EXPECT_NEAR(squares / voxels, 1, 1e-5);
  EXPECT_NE(padded.image, plain.image);
  const auto ct = preprocess(image, label, Modality::ct, config);
  EXPECT_EQ(ct.padding, 0);  // 0 HU, not air
  EXPECT_EQ(ct.image, preprocess(image, label, Modality::ct, spacing_zyx(4, 2, 2)).image);
}

TEST(Preprocess, OnlyTheUseOfLabelsHasAWarning) {
  EXPECT_EQ(label_use_warning({}), "");
  EXPECT_THAT(label_use_warning(published(10)), HasSubstr("the test images too"));
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
