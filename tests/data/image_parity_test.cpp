// Against nibabel, SimpleITK, MONAI and the published code: tests/parity/fixtures/README.md.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <numeric>

#include "core/error.h"
#include "core/json_reader.h"
#include "core/safetensors.h"
#include "core/sha256.h"
#include "data/atlas.h"
#include "data/nifti.h"
#include "data/normalise.h"
#include "data/orientation.h"
#include "data/published_crop.h"
#include "data/resample.h"
#include "data/split.h"
#include "data/torso.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/prepared_volumes.h"
#include "tests/data/volumes.h"

namespace totum {
namespace {

using nlohmann::json;
using Affine = std::array<std::array<double, 4>, 4>;

std::filesystem::path folder() {
  const char* named = std::getenv("TOTUM_PARITY_DIR");
  return named != nullptr ? std::filesystem::path(named)
                          : std::filesystem::path(TOTUM_SOURCE_DIR) / "tests/parity/fixtures";
}

json rows(const std::string& file, const std::string& key) { return read_json_file(folder() / file).at(key); }

json fixture(const std::string& name) {
  const json index = read_json_file(folder() / "index.json");
  for (const json& row : index.at("fixtures")) {
    if (row.at("name") == name) return row;
  }
  ADD_FAILURE() << "no fixture " << name;
  return {};
}

std::vector<double> values(const SafetensorsView& view) {
  std::vector<double> out;
  const auto read = [&]<class T>(T) {
    for (std::size_t at = 0; at < view.bytes.size(); at += sizeof(T)) {
      T value;
      std::memcpy(&value, view.bytes.data() + at, sizeof(T));
      out.push_back(static_cast<double>(value));
    }
  };
  if (view.dtype == "F32") read(float{});
  if (view.dtype == "I16") read(std::int16_t{});
  if (view.dtype == "U8") read(std::uint8_t{});
  return out;
}

std::vector<float> floats(const SafetensorsView& view) {
  const std::vector<double> wide = values(view);
  std::vector<float> out(wide.size());
  std::transform(wide.begin(), wide.end(), out.begin(), [](double v) { return static_cast<float>(v); });
  return out;
}

Geometry grid_of(const SafetensorsView& view) {
  return upright_grid({view.shape[2], view.shape[1], view.shape[0]}, {1, 1, 1});
}

void expect_affine(const Affine& got, const Affine& expected, double atol) {
  for (std::size_t row = 0; row < 4; ++row) {
    for (std::size_t column = 0; column < 4; ++column)
      EXPECT_NEAR(got[row][column], expected[row][column], atol);
  }
}

std::string codes(const Geometry& geometry) {
  const auto found = axis_codes(geometry);
  return {found.begin(), found.end()};
}

TEST(NiftiParity, HeadersAndVoxelsAreThoseOfNibabel) {
  const json tolerance = fixture("nifti_headers").at("tolerance");
  for (const json& c : rows("nifti_headers.json", "cases")) {
    SCOPED_TRACE(c.at("name").get<std::string>());
    const auto path = folder() / c.at("file").get<std::string>();
    const ImageVolume image = read_image(path);
    EXPECT_EQ(image.geometry.size_xyz, c.at("shape_ijk").get<Shape3>());
    expect_affine(image.geometry.affine, c.at("affine").get<Affine>(), tolerance.at("affine_atol"));
    EXPECT_EQ(codes(image.geometry), c.at("axcodes").get<std::string>());
    const auto first = c.at("first_values_i_fastest").get<std::vector<double>>();
    const double rtol = tolerance.at("values_rtol");
    for (std::size_t i = 0; i < first.size(); ++i) {
      EXPECT_NEAR(image.voxels[i], first[i], rtol * std::abs(first[i]) + 1e-12);
    }
    const double last = c.at("last_value");
    EXPECT_NEAR(image.voxels.back(), last, rtol * std::abs(last));
    const double sum = c.at("sum");
    EXPECT_NEAR(std::accumulate(image.voxels.begin(), image.voxels.end(), 0.0), sum, rtol * std::abs(sum));
    EXPECT_EQ(read_nifti_header(path).forms_disagree,
              c.at("name").get<std::string>().find("differ") != std::string::npos);
  }
}

TEST(NiftiParity, DamagedFilesAreRefusedByName) {
  for (const json& c : rows("nifti_headers.json", "damaged")) {
    const std::string file = c.at("file");
    const std::string message = message_of<DataError>([&] { read_image(folder() / file); });
    EXPECT_THAT(message, testing::HasSubstr(std::filesystem::path(file).filename().string()));
    EXPECT_THAT(message, testing::HasSubstr("replace the file"));
  }
}

TEST(OtsuParity, TheThresholdIsThatOfItkWith256Bins) {
  const SafetensorsFile inputs(folder() / fixture("otsu").at("inputs").get<std::string>());
  for (const json& c : rows("otsu.json", "cases")) {
    SCOPED_TRACE(c.at("name").get<std::string>());
    const SafetensorsView& view = inputs.at(c.at("key"));
    const ImageVolume image{grid_of(view), floats(view)};
    const double threshold = otsu_threshold(image);
    EXPECT_NEAR(threshold, c.at("sitk_256").at("threshold").get<double>(),
                c.at("bin_width_256").get<double>());
    EXPECT_NEAR(threshold, c.at("skimage_256").at("threshold").get<double>(),
                c.at("bin_width_256").get<double>());
    if (view.dtype != "F32")
      continue;  // totum resamples to float32 first; SimpleITK bins 16-bit images otherwise
    EXPECT_NEAR(threshold, c.at("sitk_256").at("threshold").get<double>(), 1e-3);
    EXPECT_EQ(std::count_if(image.voxels.begin(), image.voxels.end(),
                            [&](float v) { return static_cast<double>(v) > threshold; }),
              c.at("sitk_256").at("voxels_above").get<std::int64_t>());
  }
}

TEST(OtsuParity, TheLargestComponentsBoxIsThatOfTheReference) {
  const SafetensorsFile inputs(folder() / fixture("otsu").at("inputs").get<std::string>());
  for (const json& c : rows("otsu.json", "cases")) {
    SCOPED_TRACE(c.at("name").get<std::string>());
    const SafetensorsView& view = inputs.at(c.at("key"));
    const ImageVolume image{grid_of(view), floats(view)};
    const json largest = c.at("largest_component_6_connected");
    const double threshold = c.at(largest.at("of").get<std::string>()).at("threshold");
    const Box box = largest_component_box(image, threshold, 0);
    const auto corners = largest.at("bbox_inclusive").get<std::array<Shape3, 2>>();
    for (std::size_t axis = 0; axis < 3; ++axis) {
      EXPECT_EQ(box.start_xyz[axis], corners[0][2 - axis]);
      EXPECT_EQ(box.start_xyz[axis] + box.size_xyz[axis] - 1, corners[1][2 - axis]);
    }
  }
}

// Position of a target voxel in the source's index space, axis by axis; to see what lies at the border.
Vector3 source_index(const Geometry& source, const Geometry& target, const Shape3& at) {
  const Vector3 world =
      world_mm(target, static_cast<double>(at[0]), static_cast<double>(at[1]), static_cast<double>(at[2]));
  const Vector3 spacing = spacing_mm_xyz(source);
  Vector3 index{};
  for (std::size_t axis = 0; axis < 3; ++axis) {  // orthogonal axes: projections
    for (std::size_t row = 0; row < 3; ++row) {
      index[axis] +=
          source.affine[row][axis] * (world[row] - source.affine[row][3]) / (spacing[axis] * spacing[axis]);
    }
  }
  return index;
}

bool at_border(const Geometry& source, const Geometry& target, const Shape3& at) {
  const Vector3 index = source_index(source, target, at);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const auto last = static_cast<double>(source.size_xyz[axis] - 1);
    for (const double edge : {-0.5, 0.0, last, last + 0.5}) {
      if (std::abs(index[axis] - edge) < 1e-4) return true;
    }
  }
  return false;
}

struct Compared {
  double largest_difference = 0;
  std::int64_t other_labels = 0;
};

// `x_fastest`: the reference is stored [D,H,W]; else [X,Y,Z].
Compared compare(const ImageVolume& image, const LabelMap& label, const Geometry& source,
                 const std::vector<double>& linear, const std::vector<double>& nearest, bool x_fastest) {
  Compared result;
  const Shape3& size = image.geometry.size_xyz;
  EXPECT_EQ(static_cast<std::int64_t>(linear.size()), image.geometry.voxels());
  for (std::int64_t z = 0; z < size[2]; ++z) {
    for (std::int64_t y = 0; y < size[1]; ++y) {
      for (std::int64_t x = 0; x < size[0]; ++x) {
        const auto at = static_cast<std::size_t>(x_fastest ? (z * size[1] + y) * size[0] + x
                                                           : (x * size[1] + y) * size[2] + z);
        if (label.at(z, y, x) != static_cast<std::uint8_t>(nearest[at])) ++result.other_labels;
        if (at_border(source, image.geometry, {x, y, z})) continue;
        result.largest_difference = std::max(result.largest_difference,
                                             std::abs(static_cast<double>(image.at(z, y, x)) - linear[at]));
      }
    }
  }
  return result;
}

class ResampleParity : public testing::Test {
 protected:
  SafetensorsFile expected_{folder() / fixture("resample").at("expected").get<std::string>()};
  json cases_ = rows("resample.json", "cases");
  double atol_ = fixture("resample").at("tolerance").at("linear_atol");

  void expect_close(const Compared& got, std::int64_t voxels, bool exact) const {
    EXPECT_LE(got.largest_difference, atol_);
    constexpr double kOtherShare = 0.002;  // index.json: "at most 0.2 percent"
    EXPECT_LE(static_cast<double>(got.other_labels), exact ? 0.0 : kOtherShare * static_cast<double>(voxels));
  }
};

TEST_F(ResampleParity, InTheImagesOwnFrameItIsSimpleItk) {
  for (const json& c : cases_) {
    SCOPED_TRACE(c.at("name").get<std::string>());
    const std::string name = c.at("name");
    const ImageVolume image = read_image(folder() / c.at("image").get<std::string>());
    const LabelMap label = read_label(folder() / c.at("label").get<std::string>());
    expect_affine(image.geometry.affine, c.at("nibabel_affine").get<Affine>(), 1e-5);
    const json own = c.at("own_frame");
    const Geometry grid = grid_with_spacing(image.geometry, own.at("spacing_xyz").get<Vector3>());
    ASSERT_EQ(grid.size_xyz, own.at("size_xyz").get<Shape3>());
    const Compared got =
        compare(resample_linear(image, grid, Outside::zero), resample_nearest(label, grid, Outside::zero),
                image.geometry, values(expected_.at(name + ".own_linear")),
                values(expected_.at(name + ".own_nearest")), true);
    expect_close(got, grid.voxels(), own.at("closest_nearest_tie").get<double>() > 1e-4);
  }
}

TEST_F(ResampleParity, InTheNearestLpsFrameItIsSimpleItk) {
  for (const json& c : cases_) {
    SCOPED_TRACE(c.at("name").get<std::string>());
    const std::string name = c.at("name");
    const StorageOrder lps{{0, 1, 2}, {true, true, false}};
    const ImageVolume image = stored_as(to_ras(read_image(folder() / c.at("image").get<std::string>())), lps);
    const LabelMap label = stored_as(to_ras(read_label(folder() / c.at("label").get<std::string>())), lps);
    const json frame = c.at("lps_frame");
    const Geometry grid = grid_with_spacing(image.geometry, frame.at("spacing_xyz").get<Vector3>());
    ASSERT_EQ(grid.size_xyz, frame.at("size_xyz").get<Shape3>());
    const auto origin = frame.at("origin_lps").get<Vector3>();
    const auto direction = frame.at("direction_lps").get<std::array<double, 9>>();
    const Vector3 spacing = spacing_mm_xyz(grid);
    for (std::size_t row = 0; row < 3; ++row) {
      const double to_lps = row < 2 ? -1.0 : 1.0;
      EXPECT_NEAR(to_lps * grid.affine[row][3], origin[row], 1e-4);
      for (std::size_t axis = 0; axis < 3; ++axis) {
        EXPECT_NEAR(to_lps * grid.affine[row][axis] / spacing[axis], direction[3 * row + axis], 1e-5);
      }
    }
    const Compared got =
        compare(resample_linear(image, grid, Outside::zero), resample_nearest(label, grid, Outside::zero),
                image.geometry, values(expected_.at(name + ".lps_linear")),
                values(expected_.at(name + ".lps_nearest")), true);
    expect_close(got, grid.voxels(), false);
  }
}

// The published preprocessing's route. MONAI sets size and (of oblique grids) origin by another rule, so its
// grid is taken from the fixture; axes and values, the border's included, are ours.
TEST_F(ResampleParity, OnMonaisGridItIsMonai) {
  for (const json& c : cases_) {
    SCOPED_TRACE(c.at("name").get<std::string>());
    const std::string name = c.at("name");
    const ImageVolume image = to_ras(read_image(folder() / c.at("image").get<std::string>()));
    const LabelMap label = to_ras(read_label(folder() / c.at("label").get<std::string>()));
    const Geometry grid{c.at("monai").at("shape_xyz").get<Shape3>(),
                        c.at("monai").at("affine").get<Affine>()};
    const Affine ours = grid_with_spacing(image.geometry, spacing_mm_xyz(grid)).affine;
    for (std::size_t row = 0; row < 3; ++row) {
      for (std::size_t axis = 0; axis < 3; ++axis) EXPECT_NEAR(grid.affine[row][axis], ours[row][axis], 1e-5);
    }
    const Compared got =
        compare(resample_linear(image, grid, Outside::edge), resample_nearest(label, grid, Outside::edge),
                image.geometry, values(expected_.at(name + ".monai_linear")),
                values(expected_.at(name + ".monai_nearest")), false);
    expect_close(got, grid.voxels(), false);
  }
}

TEST_F(ResampleParity, NearestInAnUprightFrameTurnsObliqueLabelsAsSimpleItk) {
  int turned_cases = 0;
  for (const json& c : cases_) {
    if (!c.contains("world_frame")) continue;
    ++turned_cases;
    SCOPED_TRACE(c.at("name").get<std::string>());
    const LabelMap label = read_label(folder() / c.at("label").get<std::string>());
    const json frame = c.at("world_frame");
    const auto origin = frame.at("origin_lps").get<Vector3>();
    const auto spacing = frame.at("spacing_xyz").get<Vector3>();
    Geometry grid = upright_grid(frame.at("size_xyz").get<Shape3>(), {-spacing[0], -spacing[1], spacing[2]},
                                 {-origin[0], -origin[1], origin[2]});
    const LabelMap got = resample_nearest(label, grid, Outside::zero);
    const auto expected = values(expected_.at(c.at("name").get<std::string>() + ".world_nearest"));
    std::int64_t other = 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
      other += got.voxels[i] != static_cast<std::uint8_t>(expected[i]) ? 1 : 0;
    EXPECT_LE(static_cast<double>(other), 0.002 * static_cast<double>(expected.size()));
  }
  EXPECT_GT(turned_cases, 0);
}

TEST(NormaliseParity, CtAndMrAreThoseOfThePublishedCode) {
  const json row = fixture("normalise");
  const SafetensorsFile file(folder() / row.at("expected").get<std::string>());
  for (const auto& [modality, input, name] :
       {std::tuple{Modality::ct, "input_ct", "ct_plain"}, std::tuple{Modality::mr, "input_mr", "mr_plain"}}) {
    const std::vector<float> raw = floats(file.at(input));
    const std::vector<double> expected = values(file.at(name));
    const Normalisation normalisation = normalisation_for(raw, modality);
    const double atol = row.at("tensors").at(name).at("atol");
    for (std::size_t i = 0; i < raw.size(); ++i)
      ASSERT_NEAR(normalisation.apply(raw[i]), expected[i], atol) << name << i;
  }
}

TEST(NormaliseParity, PaddingFirstCountsInMeanAndDeviationAsInThePublishedCode) {
  const json row = fixture("normalise");
  const SafetensorsFile file(folder() / row.at("expected").get<std::string>());
  for (const auto& [modality, input, name] : {std::tuple{Modality::ct, "input_ct", "ct_padded"},
                                              std::tuple{Modality::mr, "input_mr", "mr_padded"}}) {
    const std::vector<float> raw = floats(file.at(input));
    const auto& from = file.at(input).shape;
    const auto& to = file.at(name).shape;
    const std::vector<double> expected = values(file.at(name));
    const std::int64_t padding =
        static_cast<std::int64_t>(expected.size()) - static_cast<std::int64_t>(raw.size());
    const Normalisation normalisation = normalisation_for(raw, modality, padding);
    const double atol = row.at("tensors").at(name).at("atol");
    std::size_t voxel = 0;
    for (std::int64_t z = 0; z < to[0]; ++z) {
      for (std::int64_t y = 0; y < to[1]; ++y) {
        for (std::int64_t x = 0; x < to[2]; ++x, ++voxel) {
          const bool inside = z < from[0] && y < from[1] && x < from[2];
          const float value = inside ? raw[static_cast<std::size_t>((z * from[1] + y) * from[2] + x)] : 0.0F;
          ASSERT_NEAR(normalisation.apply(value), expected[voxel], atol) << name << " " << voxel;
        }
      }
    }
  }
}

TEST(PublishedBodyParity, MaskAndBoxAreThoseOfThePublishedPreprocessing) {
  const json row = fixture("otsu");
  const SafetensorsFile file(folder() / row.at("inputs").get<std::string>());
  for (const json& c : rows(row.at("expected"), "published_body")) {
    const std::string key = c.at("key");
    SCOPED_TRACE(key);
    const bool is_ct = key.starts_with("ct");
    const ImageVolume image{grid_of(file.at(key)), floats(file.at(key))};
    const auto mask = eroded_body(image, c.at("threshold"));
    const auto largest = largest_component(mask, image.geometry.size_xyz);
    ASSERT_TRUE(largest);
    EXPECT_EQ(largest->voxels, c.at("voxels").get<std::int64_t>());
    BodyConfig config;
    config.minimum_voxels = config.arm_minimum_voxels = c.at("min_filter");
    const Box box = body_box(image, is_ct ? Modality::ct : Modality::mr, key, config, 0);
    const auto corners = c.at("bbox_inclusive").get<std::array<Shape3, 2>>();  // z,y,x
    for (std::size_t axis = 0; axis < 3; ++axis) {
      EXPECT_EQ(box.start_xyz[2 - axis], corners[0][axis]);
      EXPECT_EQ(box.start_xyz[2 - axis] + box.size_xyz[2 - axis] - 1, corners[1][axis]);
    }
    // The stored mask is the largest component alone: all of it is in ours.
    const auto expected = values(file.at(is_ct ? "body_ct" : "body_mr"));
    std::int64_t stored = 0;
    for (std::size_t i = 0; i < mask.size(); ++i) {
      stored += expected[i] > 0 ? 1 : 0;
      ASSERT_TRUE(expected[i] == 0 || mask[i] == 1) << i;
    }
    EXPECT_EQ(stored, largest->voxels);
  }
}

// Sum of the label maps zoomed by SciPy, divided by its maximum, blurred by SciPy.
TEST(AtlasParity, OfThePublishedCodeIsTheReference) {
  const json row = fixture("atlas");
  const SafetensorsFile file(folder() / row.at("expected").get<std::string>());
  const auto shape = row.at("common_shape").get<Shape3>();
  const TemporaryFolder cache;
  std::vector<PreparedCase> images;
  std::vector<std::int64_t> organs;
  for (const auto& [name, view] : file.tensors()) {
    if (name.starts_with("atlas_")) organs.push_back(std::stoi(name.substr(6)));
    if (!name.starts_with("label_")) continue;
    const auto wide = values(view);
    images.push_back(prepared_case(cache.path(), name, {view.shape[0], view.shape[1], view.shape[2]}, {},
                                   {wide.begin(), wide.end()}));
  }
  // Cases without labelled organs bring the mean shape, which is not the reference's, to it.
  std::vector<AtlasCase> cases;
  Shape3 rest{};
  for (std::size_t a = 0; a < 3; ++a) {
    rest[a] = shape[a] * (static_cast<std::int64_t>(images.size()) + 4);
    for (const PreparedCase& image : images) rest[a] -= image.shape()[a];
    ASSERT_GT(rest[a], 4);
  }
  for (const PreparedCase& image : images) cases.push_back({&image, organs});
  std::vector<PreparedCase> fillers;
  for (int i = 0; i < 4; ++i) {
    const std::int64_t last = i == 3 ? 1 : 0;
    const Shape3 size{rest[0] / 4 + last * (rest[0] % 4), rest[1] / 4 + last * (rest[1] % 4),
                      rest[2] / 4 + last * (rest[2] % 4)};
    fillers.push_back(
        prepared_case(cache.path(), "filler" + std::to_string(i), size, {},
                      std::vector<std::uint8_t>(static_cast<std::size_t>(size[0] * size[1] * size[2]))));
  }
  for (const PreparedCase& filler : fillers) cases.push_back({&filler, {}});
  ASSERT_EQ(atlas_shape(cases), shape);
  AtlasConfig config;
  config.scale = "maximum";
  config.label_resize = "corners";
  const Atlas sums = make_atlas(cases, config);
  config.blur_sigma_voxels = 3;
  const Atlas atlas = make_atlas(cases, config);
  const auto voxels = static_cast<std::size_t>(shape[0] * shape[1] * shape[2]);
  for (const std::int64_t organ : organs) {
    const auto sum = values(file.at("sum_" + std::to_string(organ)));
    const auto blurred = values(file.at("atlas_" + std::to_string(organ)));
    const double most = *std::max_element(sum.begin(), sum.end());
    const double atol = row.at("tensors").at("atlas_" + std::to_string(organ)).at("atol");
    for (std::size_t i = 0; i < voxels; ++i) {
      const std::size_t at = static_cast<std::size_t>(organ - 1) * voxels + i;
      ASSERT_EQ(sums.probability[at], static_cast<float>(sum[i] / most)) << organ << " " << i;
      ASSERT_NEAR(atlas.probability[at], blurred[i], atol) << organ << " " << i;
    }
  }
}

TEST(AtlasParity, AnAtlasIsResizedToAnImageAsTorchDoes) {
  const json row = fixture("atlas");
  const SafetensorsFile file(folder() / row.at("expected").get<std::string>());
  const SafetensorsView& resized = file.at("resized_to_image");
  Atlas atlas{row.at("common_shape").get<Shape3>(), {}};
  const auto voxels = static_cast<std::size_t>(atlas.shape[0] * atlas.shape[1] * atlas.shape[2]);
  atlas.probability.assign(static_cast<std::size_t>(kOrgans) * voxels, 0.0F);
  std::vector<std::size_t> organs;  // in the order of the reference's first axis
  for (const auto& [name, view] : file.tensors()) {
    if (!name.starts_with("atlas_")) continue;
    organs.push_back(static_cast<std::size_t>(std::stoi(name.substr(6))));
  }
  std::sort(organs.begin(), organs.end());
  for (const std::size_t organ : organs) {
    const auto map = floats(file.at("atlas_" + std::to_string(organ)));
    std::copy(map.begin(), map.end(),
              atlas.probability.begin() + static_cast<std::ptrdiff_t>((organ - 1) * voxels));
  }
  const Shape3 image{resized.shape[1], resized.shape[2], resized.shape[3]};
  const auto image_voxels = static_cast<std::size_t>(image[0] * image[1] * image[2]);
  std::vector<float> got(static_cast<std::size_t>(kOrgans) * image_voxels);
  atlas_patch(atlas, image, {0, 0, 0}, image, got.data());
  const auto expected = floats(resized);
  for (std::size_t o = 0; o < organs.size(); ++o) {
    for (std::size_t i = 0; i < image_voxels; ++i) {
      ASSERT_EQ(got[(organs[o] - 1) * image_voxels + i], expected[o * image_voxels + i]);
    }
  }
}

TEST(SplitParity, ChecksumAndCountsAreThoseOfTheReference) {
  const json expected = read_json_file(folder() / fixture("split").at("expected").get<std::string>());
  const auto splits = std::filesystem::path(TOTUM_SOURCE_DIR) / "data_splits";
  EXPECT_EQ(sha256_of_file(splits / "official" / expected.at("file").get<std::string>()),
            expected.at("sha256"));
  const Split split = read_split(splits / "amos22.csv");
  EXPECT_EQ(split.cases.size(), expected.at("rows").get<std::size_t>());
  std::map<std::string, std::int64_t> counts;
  for (const SplitCase& c : split.cases) {
    std::string task = split.task_of(c).name;
    std::replace(task.begin(), task.end(), '_', '-');
    ++counts[task + "/" + std::string(to_string(c.subset))];
  }
  EXPECT_EQ(counts, (expected.at("subset_role").get<std::map<std::string, std::int64_t>>()));
}

}  // namespace
}  // namespace totum
