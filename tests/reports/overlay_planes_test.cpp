#include "reports/overlay_planes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <array>
#include <cmath>

#include "core/random.h"
#include "tests/data/read_png.h"

namespace totum {
namespace {

using nlohmann::json;
using Map = std::vector<std::uint8_t>;

DecodedPicture decoded(const json& text) {
  const auto base64 = text.get<std::string>();
  std::string bytes(base64.size() / 4 * 3, '\0');
  EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                  reinterpret_cast<const unsigned char*>(base64.data()), static_cast<int>(base64.size()));
  return read_png(bytes);
}

Rgba see_through(Rgba colour, std::uint8_t opacity = 90) {
  colour[3] = opacity;
  return colour;
}
Rgba difference(Agreement agreement) { return see_through(agreement_colour(agreement), 170); }
constexpr Rgba kNothing{0, 0, 0, 0};

// 4 x 6 x 8 voxels of 2 x 1 x 1 mm. The liver lies in the corner top, front, patient's right; the image grows
// brighter to the right. The second method has missed it.
struct CornerCase {
  std::vector<float> image;
  Map reference, prediction, other;
  CornerCase() {
    for (std::int64_t z = 0; z < 4; ++z) {
      for (std::int64_t y = 0; y < 6; ++y) {
        for (std::int64_t x = 0; x < 8; ++x) {
          image.push_back(static_cast<float>(x));
          reference.push_back(z >= 2 && y >= 3 && x >= 5 ? 6 : 0);
        }
      }
    }
    prediction = reference;
    other.assign(reference.size(), 0);
  }
  [[nodiscard]] OverlayVolumes volumes() const {
    return {{4, 6, 8}, {2, 1, 1}, image, reference, prediction, other};
  }
};

TEST(OverlayPlanes, ShowTheRightOnTheLeftTheFrontOnTopAndTheHeadOnTop) {
  const json planes = overlay_planes(CornerCase().volumes(), 6);
  ASSERT_EQ(planes.size(), 3U);
  EXPECT_EQ(planes[0]["plane"], "axial");
  EXPECT_EQ(planes[0]["slice"], 2);  // the first of the two with the organ
  // Three pixels for each voxel in plane: 8 mm wide, 6 mm high; the other planes are 8 mm high.
  const DecodedPicture axial = decoded(planes[0]["layers"][0]["png"]);
  EXPECT_EQ(axial.height, 18);
  EXPECT_EQ(axial.width, 24);
  EXPECT_EQ(axial.at(0, 0), see_through(organ_colour(6)));
  EXPECT_EQ(axial.at(8, 8), organ_colour(6));  // its edge
  EXPECT_EQ(axial.at(9, 8), kNothing);
  EXPECT_EQ(axial.at(8, 9), kNothing);
  const DecodedPicture image = decoded(planes[0]["image"]);
  EXPECT_GT(image.at(0, 0)[0], image.at(0, 23)[0]);

  const DecodedPicture coronal = decoded(planes[1]["layers"][0]["png"]);
  EXPECT_EQ(coronal.height, 24);
  EXPECT_EQ(coronal.at(11, 8), organ_colour(6));
  EXPECT_EQ(coronal.at(12, 0), kNothing);

  const DecodedPicture sagittal = decoded(planes[2]["layers"][0]["png"]);
  EXPECT_EQ(sagittal.width, 18);
  EXPECT_EQ(sagittal.at(0, 0), see_through(organ_colour(6)));
  EXPECT_EQ(sagittal.at(0, 9), kNothing);
}

TEST(OverlayPlanes, NumberAnOrganWhereItIs) {
  const json marks = overlay_planes(CornerCase().volumes(), 6)[0]["layers"][0]["marks"];
  ASSERT_EQ(marks.size(), 1U);
  EXPECT_EQ(marks[0]["organ"], 6);
  EXPECT_NEAR(marks[0]["x"], 4.5 / 24, 1e-3);  // the middle one of nine pixels
  EXPECT_NEAR(marks[0]["y"], 4.5 / 18, 1e-3);
}

TEST(OverlayPlanes, SayWhoIsWrong) {
  // A row of six voxels; class 2 and 3 stand for two organs.
  const Map reference{0, 2, 2, 2, 2, 0};
  const Map prediction{0, 2, 0, 3, 0, 0};
  const Map other{0, 0, 2, 0, 0, 0};
  const std::vector<float> image(6, 1);
  const json planes = overlay_planes({{1, 1, 6}, {1, 1, 1}, image, reference, prediction, other}, 2);
  const DecodedPicture shown = decoded(planes[0]["layers"][3]["png"]);
  ASSERT_EQ(shown.width,
            18);  // three pixels a voxel, from the last voxel to the first; the middle one is inside
  const auto at_voxel = [&](std::int64_t x) { return shown.at(1, 3 * (5 - x) + 1); };
  EXPECT_EQ(at_voxel(0), kNothing);
  EXPECT_EQ(at_voxel(1), difference(Agreement::prediction_right));
  EXPECT_EQ(at_voxel(2), difference(Agreement::other_right));
  EXPECT_EQ(at_voxel(3), difference(Agreement::both_wrong));
  EXPECT_EQ(at_voxel(4), difference(Agreement::both_wrong_alike));
  EXPECT_EQ(at_voxel(5), kNothing);
}

TEST(OverlayPlanes, OfOneMethodAloneHaveThreeLayers) {
  CornerCase corner;
  corner.prediction.assign(corner.prediction.size(), 0);
  corner.other.clear();
  const json layers = overlay_planes(corner.volumes(), 6)[0]["layers"];
  ASSERT_EQ(layers.size(), 3U);
  EXPECT_EQ(layers[2]["of"], "difference");
  EXPECT_EQ(decoded(layers[2]["png"]).at(0, 0), difference(Agreement::both_wrong_alike));
}

TEST(OverlayPlanes, WithoutDisagreementCutThroughMostOfTheOrgan) {
  CornerCase corner;
  corner.other = corner.reference;
  for (Map* map : {&corner.reference, &corner.prediction, &corner.other})
    (*map)[static_cast<std::size_t>((3 * 6 + 0) * 8)] = 6;
  EXPECT_EQ(overlay_planes(corner.volumes(), 6)[0]["slice"], 3);
}

void expect_small_pictures(const OverlayVolumes& volumes) {
  for (const json& plane : overlay_planes(volumes, 1)) {
    EXPECT_LE(plane["image"].get<std::string>().size(), 40000U) << plane["plane"];
    for (const json& layer : plane["layers"])
      EXPECT_LE(layer["png"].get<std::string>().size(), 40000U) << plane["plane"] << " " << layer["of"];
  }
}

TEST(OverlayPlanes, StaySmallWhateverTheImage) {
  const Shape3 shape{40, 260, 300};
  const auto voxels = static_cast<std::size_t>(shape[0] * shape[1] * shape[2]);
  RandomStream noise(1, "noise");
  std::vector<float> image(voxels);
  Map labels(voxels);
  for (std::size_t i = 0; i < voxels; ++i) {
    image[i] = static_cast<float>(noise.uniform());
    labels[i] = static_cast<std::uint8_t>(i / 7 % 14);
  }
  expect_small_pictures({shape, {2, 1, 1}, image, labels, labels, labels});
}

// An image that compresses to nothing beside label maps that do not: another class in every voxel, as an
// untrained network predicts.
TEST(OverlayPlanes, StaySmallWhateverTheLabelMaps) {
  const Shape3 shape{40, 260, 300};
  const auto voxels = static_cast<std::size_t>(shape[0] * shape[1] * shape[2]);
  const std::vector<float> image(voxels, 1);
  std::array<Map, 3> maps;
  RandomStream noise(1, "noise");
  for (Map& map : maps) {
    for (std::size_t i = 0; i < voxels; ++i) map.push_back(static_cast<std::uint8_t>(noise.below(14)));
  }
  expect_small_pictures({shape, {2, 1, 1}, image, maps[0], maps[1], maps[2]});
}

// CIELAB of an sRGB colour as seen with a colour vision given by a matrix on linear RGB.
std::array<double, 3> seen(const Rgba& colour, const std::array<std::array<double, 3>, 3>& vision) {
  std::array<double, 3> linear{}, rgb{};
  for (std::size_t c = 0; c < 3; ++c) {
    const double v = colour[c] / 255.0;
    linear[c] = v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
  }
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 3; ++c) rgb[r] += vision[r][c] * linear[c];
    rgb[r] = std::clamp(rgb[r], 0.0, 1.0);
  }
  const auto f = [](double t) { return t > 0.008856 ? std::cbrt(t) : 7.787 * t + 16.0 / 116; };
  const double x = f((0.4124 * rgb[0] + 0.3576 * rgb[1] + 0.1805 * rgb[2]) / 0.9505);
  const double y = f(0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]);
  const double z = f((0.0193 * rgb[0] + 0.1192 * rgb[1] + 0.9505 * rgb[2]) / 1.089);
  return {116 * y - 16, 500 * (x - y), 200 * (y - z)};
}

// The matrices of Machado et al. for severity 1: protanopia, deuteranopia, tritanopia.
TEST(OverlayPlanes, ColoursOfOrgansStayApartForTheColourBlind) {
  const std::vector<std::array<std::array<double, 3>, 3>> visions{
      {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}},
      {{{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}}},
      {{{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}}},
      {{{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}}}};
  for (std::int64_t a = 1; a <= kOrgans; ++a) {
    for (std::int64_t b = a + 1; b <= kOrgans; ++b) {
      for (const auto& vision : visions) {
        const auto one = seen(organ_colour(a), vision);
        const auto two = seen(organ_colour(b), vision);
        EXPECT_GT(std::hypot(one[0] - two[0], one[1] - two[1], one[2] - two[2]), 19) << a << " and " << b;
      }
    }
  }
}

}  // namespace
}  // namespace totum
