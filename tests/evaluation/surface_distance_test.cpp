#include "evaluation/surface_distance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/random.h"
#include "core/safetensors.h"
#include "tests/data/volumes.h"
#include "tests/evaluation/parity_json.h"

namespace totum {
namespace {

using nlohmann::json;
using Labels = std::vector<std::uint8_t>;

constexpr Shape3 kShape{12, 14, 16};
constexpr Vector3 kSpacing{5.0, 0.7, 1.3};

Labels box_mask(const VoxelBox& box, const Shape3& shape = kShape) {
  Labels labels(static_cast<std::size_t>(shape[0] * shape[1] * shape[2]), 0);
  for (std::int64_t z = box.begin[0]; z < box.end[0]; ++z) {
    for (std::int64_t y = box.begin[1]; y < box.end[1]; ++y) {
      for (std::int64_t x = box.begin[2]; x < box.end[2]; ++x)
        labels[static_cast<std::size_t>((z * shape[1] + y) * shape[2] + x)] = 1;
    }
  }
  return labels;
}

SurfaceDistances distances(const Labels& prediction, const Labels& reference, const Shape3& shape = kShape,
                           const Vector3& spacing = kSpacing) {
  return surface_distances_mm(prediction, reference, shape, spacing,
                              organ_boxes(prediction, reference, shape).front(), 1);
}

TEST(SurfaceDistance, OfASlabShiftedByOneVoxelIsTheSpacingAlongThatAxis) {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    VoxelBox plate{{0, 0, 0}, kShape};  // one voxel thick, from border to border of the image
    plate.begin[axis] = 4;
    plate.end[axis] = 5;
    VoxelBox shifted = plate;
    ++shifted.begin[axis];
    ++shifted.end[axis];
    const SurfaceDistances d = distances(box_mask(plate), box_mask(shifted));
    EXPECT_NEAR(hd95_mm(d).value(), kSpacing[axis], 1e-12);
    EXPECT_NEAR(assd_mm(d).value(), kSpacing[axis], 1e-12);
    EXPECT_EQ(nsd(d, kSpacing[axis]).value(), 1.0);
    EXPECT_EQ(nsd(d, kSpacing[axis] - 0.01).value(), 0.0);
  }
}

TEST(SurfaceDistance, OfTwoSingleVoxelsIsTheirPhysicalDistance) {
  const Labels a = box_mask({{1, 2, 3}, {2, 3, 4}});
  const Labels b = box_mask({{3, 5, 7}, {4, 6, 8}});
  const double expected = std::sqrt(std::pow(2 * 5.0, 2) + std::pow(3 * 0.7, 2) + std::pow(4 * 1.3, 2));
  EXPECT_NEAR(hd95_mm(distances(a, b)).value(), expected, 1e-12);
  EXPECT_NEAR(assd_mm(distances(a, b)).value(), expected, 1e-12);
}

TEST(SurfaceDistance, OfEqualMasksAtTheImageBorderIsZero) {
  const Labels whole = box_mask({{0, 0, 0}, kShape});
  const SurfaceDistances d = distances(whole, whole);
  // The border of the image is surface: all voxels but the inner 10 x 12 x 14.
  EXPECT_EQ(d.from_reference_mm.size(), 12U * 14U * 16U - 10U * 12U * 14U);
  EXPECT_EQ(hd95_mm(d), 0.0);
  EXPECT_EQ(nsd(d, 0.5), 1.0);
}

TEST(SurfaceDistance, IsUndefinedIfEitherMaskIsEmpty) {
  const Labels one = box_mask({{1, 1, 1}, {2, 2, 2}});
  const Labels none(one.size(), 0);
  for (const auto& d : {distances(one, none), distances(none, one), distances(none, none)}) {
    EXPECT_EQ(hd95_mm(d), std::nullopt);
    EXPECT_EQ(assd_mm(d), std::nullopt);
    EXPECT_EQ(nsd(d, 1), std::nullopt);
  }
}

// A voxelised sphere's surface lies within half a voxel diagonal (0.87 mm) inside of the true one, so that of
// two concentric spheres is off by at most twice that, and their average by much less.
TEST(SurfaceDistance, OfConcentricSpheresIsTheDifferenceOfTheirRadii) {
  const Shape3 shape{48, 48, 48};
  const auto ball = [&](double radius) {
    Labels labels(48 * 48 * 48, 0);
    for (int z = 0; z < 48; ++z) {
      for (int y = 0; y < 48; ++y) {
        for (int x = 0; x < 48; ++x) {
          const double r = std::hypot(z - 23.5, y - 23.5, x - 23.5);
          if (r <= radius) labels[static_cast<std::size_t>((z * 48 + y) * 48 + x)] = 1;
        }
      }
    }
    return labels;
  };
  const SurfaceDistances d = distances(ball(20), ball(15), shape, {1, 1, 1});
  EXPECT_NEAR(assd_mm(d).value(), 5, 0.5);
  EXPECT_NEAR(hd95_mm(d).value(), 5, 1.74);
}

// Surface voxels in mm, for voxels of 5 x 0.7 x 1.3 mm, straight from the definition.
std::vector<Vector3> surface_points(const Labels& mask, const Shape3& shape) {
  const auto [d, h, w] = shape;
  const auto at = [&](std::int64_t z, std::int64_t y, std::int64_t x) {
    if (z < 0 || y < 0 || x < 0 || z >= d || y >= h || x >= w) return false;
    return mask[static_cast<std::size_t>((z * h + y) * w + x)] == 1;
  };
  std::vector<Vector3> points;
  for (std::int64_t z = 0; z < d; ++z) {
    for (std::int64_t y = 0; y < h; ++y) {
      for (std::int64_t x = 0; x < w; ++x) {
        const bool inner = at(z - 1, y, x) && at(z + 1, y, x) && at(z, y - 1, x) && at(z, y + 1, x) &&
                           at(z, y, x - 1) && at(z, y, x + 1);
        if (at(z, y, x) && !inner)
          points.push_back(
              {5.0 * static_cast<double>(z), 0.7 * static_cast<double>(y), 1.3 * static_cast<double>(x)});
      }
    }
  }
  return points;
}

// Every pair of surface voxels, on random masks: neighbours, and so few voxels that they lie far apart
// (dozens of rows, which the search nearby leaves to the distance transform), and both in one mask.
TEST(SurfaceDistance, EqualsTheSlowVersion) {
  struct Masks {
    Shape3 shape;
    double density;
  };
  RandomStream random(5, "surfaces");
  for (const auto& [shape, density] :
       {Masks{{6, 9, 11}, 0.02}, Masks{{6, 9, 11}, 0.3}, Masks{{6, 9, 11}, 0.8}, Masks{{8, 90, 40}, 0.0004},
        Masks{{8, 90, 40}, 0.004}}) {
    Labels a, b;
    for (std::int64_t i = 0; i < shape[0] * shape[1] * shape[2]; ++i) {
      a.push_back(random.chance(density) ? 1 : 0);
      b.push_back(random.chance(density) ? 1 : 0);
    }
    const auto from = surface_points(a, shape);
    const auto to = surface_points(b, shape);
    ASSERT_GT(to.size(), 1U);
    const SurfaceDistances d = distances(a, b, shape);
    ASSERT_EQ(d.from_prediction_mm.size(), from.size());
    ASSERT_EQ(d.from_reference_mm.size(), to.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
      double nearest = 1e9;
      for (const Vector3& p : to)
        nearest = std::min(nearest, std::hypot(from[i][0] - p[0], from[i][1] - p[1], from[i][2] - p[2]));
      EXPECT_NEAR(d.from_prediction_mm[i], nearest, 1e-12);
    }
  }
}

// A grid as a file keeps it: every entry of the affine is rounded to float32.
Geometry stored_grid(double spacing_mm, double degrees, const Shape3& shape) {
  Geometry grid =
      turned(upright_grid({shape[2], shape[1], shape[0]}, {spacing_mm, spacing_mm, spacing_mm}), degrees);
  for (auto& row : grid.affine) {
    for (double& value : row) value = static_cast<double>(static_cast<float>(value));
  }
  return grid;
}

// A cube moved along y: in units of voxels squared distances are whole numbers, found here by comparing every
// surface voxel with every other, so that "at most k voxels" is decided without rounding.
TEST(SurfaceDistance, EqualToTheToleranceIsWithinIt) {
  const Shape3 shape{10, 18, 10};
  for (const std::int64_t k : {1, 2, 5}) {
    const VoxelBox cube{{2, 2, 2}, {8, 8, 8}};
    const VoxelBox moved{{2, 2 + k, 2}, {8, 8 + k, 8}};
    std::int64_t within = 0, all = 0;
    const auto surface = [](const VoxelBox& box) {
      std::vector<Shape3> places;
      for (std::int64_t z = box.begin[0]; z < box.end[0]; ++z) {
        for (std::int64_t y = box.begin[1]; y < box.end[1]; ++y) {
          for (std::int64_t x = box.begin[2]; x < box.end[2]; ++x) {
            const auto edge = [](std::int64_t v, std::int64_t b, std::int64_t e) {
              return v == b || v == e - 1;
            };
            if (edge(z, box.begin[0], box.end[0]) || edge(y, box.begin[1], box.end[1]) ||
                edge(x, box.begin[2], box.end[2]))
              places.push_back({z, y, x});
          }
        }
      }
      return places;
    };
    const auto count = [&](const std::vector<Shape3>& from, const std::vector<Shape3>& to) {
      for (const Shape3& a : from) {
        std::int64_t nearest = 1000000;
        for (const Shape3& b : to) {
          const std::int64_t z = a[0] - b[0], y = a[1] - b[1], x = a[2] - b[2];
          nearest = std::min(nearest, z * z + y * y + x * x);
        }
        within += nearest <= k * k ? 1 : 0;
        ++all;
      }
    };
    count(surface(cube), surface(moved));
    count(surface(moved), surface(cube));
    const Labels prediction = box_mask(moved, shape), reference = box_mask(cube, shape);
    const VoxelBox box = organ_boxes(prediction, reference, shape).front();
    for (int degrees = 0; degrees <= 45; ++degrees) {
      for (const double spacing_mm : {0.1, 0.2, 0.4, 0.7, 1.0, 3.3, 10.0}) {
        const SurfaceDistances d =
            surface_distances_mm(prediction, reference, stored_grid(spacing_mm, degrees, shape), box, 1);
        EXPECT_EQ(nsd(d, static_cast<double>(k) * spacing_mm),
                  static_cast<double>(within) / static_cast<double>(all))
            << k << " voxels of " << spacing_mm << " mm at " << degrees << " degrees";
      }
    }
  }
}

// Two voxels, one step apart along y and one along z, where z leans towards y by 27 degrees: the place of the
// second is (0, 1 + tan 27, 1) mm from the first, not sqrt(1 + 1/cos² 27) as the lengths of the columns say.
TEST(SurfaceDistance, UnderShearIsTheAffinesOwn) {
  const double lean = std::tan(27 * 3.14159265358979323846 / 180);
  Geometry grid = upright_grid({16, 14, 12}, {1, 1, 1});
  grid.affine[1][2] = lean;
  const Labels a = box_mask({{1, 2, 3}, {2, 3, 4}});
  const Labels b = box_mask({{2, 3, 3}, {3, 4, 4}});
  const SurfaceDistances d = surface_distances_mm(a, b, grid, organ_boxes(a, b, kShape).front(), 1);
  EXPECT_NEAR(hd95_mm(d).value(), std::hypot(1 + lean, 1), 1e-12);
  EXPECT_NEAR(assd_mm(d).value(), std::hypot(1 + lean, 1), 1e-12);
}

TEST(SurfaceDistance, OfManyPlacesUnderShearEqualsTheSlowVersion) {
  Geometry grid = turned(upright_grid({16, 14, 12}, {0.7, 1.3, 4}), 20);
  for (std::size_t row = 0; row < 3; ++row) grid.affine[row][2] += 0.8 * grid.affine[row][0];
  Labels a(12U * 14 * 16), b(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = static_cast<std::uint8_t>(i % 37 == 0);
    b[i] = static_cast<std::uint8_t>(i % 41 == 5);
  }
  const auto places = [&](const Labels& labels) {
    std::vector<Vector3> found;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (labels[i] != 0)
        found.push_back(world_mm(grid, static_cast<double>(i % 16), static_cast<double>(i / 16 % 14),
                                 static_cast<double>(i / 224)));
    }
    return found;
  };
  const auto d = surface_distances_mm(a, b, grid, organ_boxes(a, b, kShape).front(), 1);
  const auto from = places(a), to = places(b);
  ASSERT_EQ(d.from_prediction_mm.size(), from.size());  // every voxel stands alone
  for (std::size_t i = 0; i < from.size(); ++i) {
    double nearest = 1e9;
    for (const Vector3& p : to)
      nearest = std::min(nearest, std::hypot(from[i][0] - p[0], from[i][1] - p[1], from[i][2] - p[2]));
    EXPECT_NEAR(d.from_prediction_mm[i], nearest, 1e-9);
  }
}

TEST(NsdTolerances, AreTwoMillimetresAndOneForThinOrgans) {
  EXPECT_EQ(nsd_tolerances_mm()[0], 2.0);   // spleen
  EXPECT_EQ(nsd_tolerances_mm()[4], 1.0);   // oesophagus
  EXPECT_EQ(nsd_tolerances_mm()[10], 1.0);  // right adrenal gland
}

std::span<const std::uint8_t> voxels_of(const SafetensorsFile& masks, const std::string& name) {
  const auto& view = masks.at(name);
  return {reinterpret_cast<const std::uint8_t*>(view.bytes.data()), view.bytes.size()};
}

TEST(SurfaceDistanceParity, EqualsTheWrittenOutDefinitionAndMonai) {
  const json fixture = parity::load("metrics.json");
  const SafetensorsFile masks(parity::folder() / "metrics_masks.safetensors");
  const double atol = parity::tolerance_of("metrics").at("atol");  // MONAI answers in float32
  const Shape3 shape = fixture.at("volume_dhw").get<Shape3>();
  int compared = 0;
  for (const auto& c : fixture.at("cases")) {
    const std::string name = c.at("name");
    SCOPED_TRACE(name);
    const auto prediction = voxels_of(masks, name + ".pred");
    const auto reference = voxels_of(masks, name + ".truth");
    const SurfaceDistances d =
        surface_distances_mm(prediction, reference, shape, c.at("spacing_dhw").get<Vector3>(),
                             organ_boxes(prediction, reference, shape).front(), 1);
    const json& plain = c.at("plain");
    if (plain.is_null()) {
      EXPECT_EQ(hd95_mm(d), std::nullopt);
      continue;
    }
    ++compared;
    const json& monai = c.at("monai");
    EXPECT_EQ(d.from_prediction_mm.size(), plain.at("n_edge_pred").get<std::size_t>());
    EXPECT_EQ(d.from_reference_mm.size(), plain.at("n_edge_truth").get<std::size_t>());
    EXPECT_NEAR(hd95_mm(d).value(), plain.at("hd95_max_of_directed").get<double>(), 1e-9);
    EXPECT_NEAR(assd_mm(d).value(), plain.at("assd_pooled").get<double>(), 1e-9);
    EXPECT_NEAR(hd95_mm(d).value(), monai.at("hd95").get<double>(), atol);
    EXPECT_NEAR(assd_mm(d).value(), monai.at("asd_symmetric").get<double>(), atol);
    for (const int tolerance : {1, 2, 3}) {
      const std::string key = "nsd_" + std::to_string(tolerance);
      EXPECT_NEAR(nsd(d, tolerance).value(), plain.at(key).get<double>(), 1e-9);
      EXPECT_NEAR(nsd(d, tolerance).value(), monai.at(key).get<double>(), atol);
    }
  }
  EXPECT_EQ(compared, 19);
}

// Where surface-distance measures the same thing: the largest distance of single voxels, and no distance.
TEST(SurfaceDistanceParity, AgreesWithSimpleItkAndSurfaceDistanceOnSingleVoxels) {
  const json fixture = parity::load("metrics.json");
  const SafetensorsFile masks(parity::folder() / "metrics_masks.safetensors");
  const Shape3 shape = fixture.at("volume_dhw").get<Shape3>();
  bool found = false;
  for (const auto& c : fixture.at("cases")) {
    if (c.at("name") != "single_voxels") continue;
    found = true;
    const auto prediction = voxels_of(masks, "single_voxels.pred");
    const auto reference = voxels_of(masks, "single_voxels.truth");
    const SurfaceDistances d =
        surface_distances_mm(prediction, reference, shape, c.at("spacing_dhw").get<Vector3>(),
                             organ_boxes(prediction, reference, shape).front(), 1);
    EXPECT_NEAR(hd95_mm(d).value(), c.at("deepmind").at("hd95").get<double>(), 1e-9);
    EXPECT_NEAR(assd_mm(d).value(), c.at("sitk").at("average_hd").get<double>(), 1e-9);
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace totum
