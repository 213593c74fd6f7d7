#include "data/atlas.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/volumes.h"

namespace totum {
namespace {

class AtlasTest : public testing::Test {
 protected:
  // A case on the network grid with these labels, through a cache file.
  PreparedCase prepared(const std::string& id, const Shape3& shape, std::vector<std::uint8_t> label) {
    PreprocessedCase made;
    made.native = made.network = upright_grid({shape[2], shape[1], shape[0]}, {1, 1, 1});
    made.image.assign(static_cast<std::size_t>(shape[0] * shape[1] * shape[2]), 0.0F);
    made.label = std::move(label);
    write_prepared_case(folder_.path() / id, made);
    return {id, folder_.path() / id};
  }
  static float at(const Atlas& atlas, std::int64_t organ, std::int64_t voxel) {
    return atlas.probability[static_cast<std::size_t>(
        (organ - 1) * atlas.shape[0] * atlas.shape[1] * atlas.shape[2] + voxel)];
  }
  TemporaryFolder folder_;
};

TEST_F(AtlasTest, IsThePlainAverageOverTheCasesThatLabelTheOrgan) {
  const PreparedCase a = prepared("a", {1, 1, 4}, {5, 5, 6, 0});
  const PreparedCase b = prepared("b", {1, 1, 4}, {5, 0, 0, 0});  // organ 6 absent: an empty map
  const PreparedCase c = prepared("c", {1, 1, 4}, {1, 1, 1, 1});
  const Atlas atlas = make_atlas({{&a, {5, 6}}, {&b, {5, 6}}, {&c, {1}}});
  EXPECT_EQ(atlas.shape, (Shape3{1, 1, 4}));
  EXPECT_EQ(at(atlas, 5, 0), 1);
  EXPECT_EQ(at(atlas, 5, 1), 0.5F);
  EXPECT_EQ(at(atlas, 6, 2), 0.5F);
  EXPECT_EQ(at(atlas, 6, 3), 0);
  EXPECT_EQ(at(atlas, 1, 3), 1);
  EXPECT_EQ(at(atlas, 2, 0), 0);  // no case labels it
}

TEST_F(AtlasTest, ACaseOfAnotherTaskThatLabelsTheOrganCountsToo) {
  const PreparedCase a = prepared("a", {1, 1, 2}, {5, 0});
  const PreparedCase b = prepared("b", {1, 1, 2}, {5, 5});
  EXPECT_EQ(at(make_atlas({{&a, {5}}, {&b, {5, 9}}}), 5, 1), 0.5F);
}

TEST_F(AtlasTest, LabelsThatTheTaskDoesNotLabelAreNeverRead) {
  const PreparedCase honest = prepared("honest", {1, 1, 4}, {5, 5, 0, 0});
  const PreparedCase telling =
      prepared("telling", {1, 1, 4}, {5, 5, 9, 13});  // 9 and 13 are not labelled here
  const PreparedCase other = prepared("other", {1, 1, 4}, {0, 9, 0, 0});
  EXPECT_EQ(make_atlas({{&honest, {5}}, {&other, {9, 13}}}).probability,
            make_atlas({{&telling, {5}}, {&other, {9, 13}}}).probability);
}

// Counts 3 2 1 0 of three cases; the published rule divides by the largest count, here 3, or 2 where no voxel
// has all.
TEST_F(AtlasTest, OfThePublishedCodeIsTheSumOverItsMaximum) {
  const PreparedCase a = prepared("a", {1, 1, 4}, {5, 5, 5, 6});
  const PreparedCase b = prepared("b", {1, 1, 4}, {5, 5, 6, 6});
  const PreparedCase c = prepared("c", {1, 1, 4}, {5, 6, 0, 0});
  AtlasConfig config;
  config.scale = "maximum";
  const Atlas atlas = make_atlas({{&a, {5, 6}}, {&b, {5, 6}}, {&c, {5, 6}}}, config);
  const auto organ = [&](std::int64_t o) {
    return std::vector<float>{at(atlas, o, 0), at(atlas, o, 1), at(atlas, o, 2), at(atlas, o, 3)};
  };
  EXPECT_EQ(organ(5), (std::vector<float>{1, 2.0F / 3, 1.0F / 3, 0}));
  EXPECT_EQ(organ(6), (std::vector<float>{0, 0.5F, 0.5F, 1}));  // 0 1 1 2 of three cases: the maximum is 2
  EXPECT_EQ(organ(7), (std::vector<float>{0, 0, 0, 0}));
  config.blur_sigma_voxels = 0.5;  // weights .7866 .1064 .0003 (radius 2), mirrored at the border
  const Atlas blurred = make_atlas({{&a, {6}}, {&b, {6}}, {&c, {6}}}, config);
  EXPECT_NEAR(at(blurred, 6, 0), 0.10645 * 0.5 + 0.00026 * (0.5 + 0.5), 1e-4);
  EXPECT_NEAR(at(blurred, 6, 3), 0.78657 + 0.10645 * (1 + 0.5) + 0.00026 * (0.5 + 0.5), 1e-4);
}

TEST_F(AtlasTest, CornersOfBothGridsCoincideInThePublishedResizing) {
  const PreparedCase a = prepared("a", {1, 1, 6}, {1, 2, 3, 4, 5, 6});
  const PreparedCase b = prepared("b", {1, 1, 3}, {0, 0, 0});
  AtlasConfig config;
  config.label_resize = "corners";
  const Atlas atlas = make_atlas({{&a, {1, 2, 3, 4, 5, 6}}, {&b, {7}}}, config);
  ASSERT_EQ(atlas.shape, (Shape3{1, 1, 5}));
  // 6 voxels to 5: 1.25 i, rounded: 0 1 3 4 5
  const std::vector<std::int64_t> organs{1, 2, 4, 5, 6};
  for (std::size_t x = 0; x < 5; ++x) EXPECT_EQ(at(atlas, organs[x], static_cast<std::int64_t>(x)), 1) << x;
}

TEST_F(AtlasTest, AWarpMovesLabelsToThePlaceWhereTheAtlasReadsThem) {
  const PreparedCase a = prepared("a", {1, 1, 4}, {5, 6, 7, 8});
  Warp by_one{{2, 2, 2}, std::vector<float>(24, 0.0F)};
  for (std::size_t i = 16; i < 24; ++i) by_one.displacement[i] = 0.25F;  // one of four voxels along x
  const Atlas atlas = make_atlas({{&a, {5, 6, 7, 8}, &by_one}});
  EXPECT_EQ(at(atlas, 6, 0), 1);
  EXPECT_EQ(at(atlas, 7, 1), 1);
  EXPECT_EQ(at(atlas, 8, 2), 1);
  EXPECT_EQ(at(atlas, 5, 0), 0);
  EXPECT_EQ(at(atlas, 8, 3), 0);  // beyond the image
  std::vector<float> patch(static_cast<std::size_t>(kOrgans * 3), -1.0F);
  atlas_patch(atlas, {1, 1, 4}, {0, 0, 1}, {1, 1, 3}, patch.data(), &by_one);
  EXPECT_EQ(patch[3 * 7], 1);  // organ 8 stands at 2; seen from voxel 1
  EXPECT_EQ(patch[3 * 7 + 1], 0);
}

TEST_F(AtlasTest, AWarpThatMovesNothingIsPlainResizing) {
  const PreparedCase a = prepared("a", {3, 1, 5}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 1, 2});
  const PreparedCase b = prepared("b", {2, 1, 7}, {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5});
  const Warp nothing{{2, 2, 2}, std::vector<float>(24, 0.0F)};
  const std::vector<std::int64_t> all{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
  const Atlas plain = make_atlas({{&a, all}, {&b, all}});
  EXPECT_EQ(make_atlas({{&a, all, &nothing}, {&b, all, &nothing}}).probability, plain.probability);
  const Shape3 image{5, 2, 9};
  std::vector<float> with(static_cast<std::size_t>(kOrgans * 90)), without(with.size());
  atlas_patch(plain, image, {1, 0, 2}, {4, 2, 9}, without.data());
  atlas_patch(plain, image, {1, 0, 2}, {4, 2, 9}, with.data(), &nothing);
  EXPECT_EQ(with, without);
}

TEST_F(AtlasTest, EntropyIsZeroWhereAllAgreeAndOneBitWhereHalfDo) {
  Atlas atlas{{1, 1, 4}, std::vector<float>(13 * 4, 0.0F)};
  std::copy_n(std::vector<float>{1, 1, 0, 0}.begin(), 4, atlas.probability.begin());
  std::copy_n(std::vector<float>{0.5F, 0.5F, 1, 0}.begin(), 4, atlas.probability.begin() + 4);
  EXPECT_EQ(entropy_bits(atlas, 1), 0);
  EXPECT_NEAR(*entropy_bits(atlas, 2), 1, 1e-12);  // 2 bits over 2 expected voxels
  EXPECT_EQ(entropy_bits(atlas, 3), std::nullopt);
}

TEST(AtlasConfig, NamesPlaceValueAndWhatIsAllowed) {
  const auto read = [](const char* text) {
    return read_atlas_config(JsonReader(nlohmann::json::parse(text), "mine.json", "/atlas"));
  };
  EXPECT_EQ(to_json(read(to_json(AtlasConfig{}).dump().c_str())), to_json(AtlasConfig{}));
  EXPECT_EQ(read("{}").alignment, "resize");
  const auto fault = [&](const char* text) { return message_of<ConfigError>([&] { read(text); }); };
  EXPECT_THAT(fault(R"({"alignment": "rigid"})"), testing::HasSubstr("/atlas/alignment is \"rigid\""));
  EXPECT_THAT(fault(R"({"scale": 2})"), testing::HasSubstr("/atlas/scale"));
  EXPECT_THAT(fault(R"({"blur_sigma_voxels": -1})"), testing::HasSubstr("/atlas/blur_sigma_voxels is -1"));
  EXPECT_THAT(fault(R"({"alignement": "affine"})"), testing::HasSubstr("did you mean \"alignment\"?"));
  EXPECT_THAT(fault(R"({"alignment": "affine", "label_resize": "corners"})"),
              testing::HasSubstr("must be \"floor\" where alignment is \"affine\""));
}

TEST_F(AtlasTest, HasTheRoundedMeanShapeAndResizesByFloor) {
  const PreparedCase a = prepared("a", {1, 1, 6}, {1, 2, 3, 4, 5, 6});
  const PreparedCase b = prepared("b", {2, 1, 3}, {0, 0, 0, 0, 0, 0});
  const Atlas atlas = make_atlas({{&a, {1, 2, 3, 4, 5, 6}}, {&b, {7}}});
  ASSERT_EQ(atlas.shape, (Shape3{2, 1, 5}));  // (1.5, 1, 4.5), halves up
  // 6 voxels to 5: floor(i 6 / 5) = 0 1 2 3 4; both z of the atlas read the one slice
  for (std::int64_t x = 0; x < 5; ++x) {
    EXPECT_EQ(at(atlas, x + 1, x), 1);
    EXPECT_EQ(at(atlas, x + 1, 5 + x), 1);
  }
}

TEST_F(AtlasTest, APatchIsThePartOfTheResizedAtlas) {
  Atlas atlas{{2, 3, 4}, {}};
  for (std::int64_t i = 0; i < kOrgans * 24; ++i) atlas.probability.push_back(static_cast<float>(i));
  const Shape3 image{5, 7, 6};
  std::vector<float> whole(static_cast<std::size_t>(kOrgans * 5 * 7 * 6));
  atlas_patch(atlas, image, {0, 0, 0}, image, whole.data());
  const Shape3 start{3, 2, 4};
  const Shape3 size{4, 3, 4};  // leaves the image in z and x
  std::vector<float> patch(static_cast<std::size_t>(kOrgans * 4 * 3 * 4), -1.0F);
  atlas_patch(atlas, image, start, size, patch.data());
  std::size_t i = 0;
  for (std::int64_t c = 0; c < kOrgans; ++c) {
    for (std::int64_t z = start[0]; z < start[0] + size[0]; ++z) {
      for (std::int64_t y = start[1]; y < start[1] + size[1]; ++y) {
        for (std::int64_t x = start[2]; x < start[2] + size[2]; ++x, ++i) {
          const bool inside = z < image[0] && y < image[1] && x < image[2];
          const auto by_rule = static_cast<float>(((c * 2 + z * 2 / 5) * 3 + y * 3 / 7) * 4 + x * 4 / 6);
          ASSERT_EQ(patch[i], inside ? by_rule : 0.0F);
          if (inside) {
            ASSERT_EQ(patch[i], whole[static_cast<std::size_t>(((c * 5 + z) * 7 + y) * 6 + x)]);
          }
        }
      }
    }
  }
}

TEST_F(AtlasTest, NeedsATrainingCaseWithALabel) {
  EXPECT_THROW(make_atlas({}), DataError);
  const PreparedCase unlabelled = prepared("a", {1, 1, 2}, {});
  EXPECT_THAT(message_of<DataError>([&] {
                make_atlas({{&unlabelled, {5}}});
              }),
              testing::HasSubstr("case a has no label"));
}

TEST_F(AtlasTest, ComesBackFromDiskAndADamagedFileIsNoticed) {
  const PreparedCase a = prepared("a", {1, 1, 4}, {5, 5, 6, 0});
  const Atlas atlas = make_atlas({{&a, {5, 6}}});
  const auto path = folder_.path() / "atlas.safetensors";
  write_atlas(path, atlas);
  const Atlas read = read_atlas(path);
  EXPECT_EQ(read.shape, atlas.shape);
  EXPECT_EQ(read.probability, atlas.probability);
  std::string bytes = read_file(path);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file_atomically(path, bytes);
  EXPECT_THAT(message_of<DataError>([&] { read_atlas(path); }), testing::HasSubstr("atlas.safetensors"));
}

}  // namespace
}  // namespace totum
