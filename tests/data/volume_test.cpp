#include "data/volume.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "core/error.h"
#include "data/orientation.h"
#include "data/resample.h"
#include "tests/data/volumes.h"

namespace totum {
namespace {

std::string codes(const Geometry& geometry) {
  const auto found = axis_codes(geometry);
  return {found.begin(), found.end()};
}

TEST(Geometry, MeasuresSpacingAndVolumeAlongItsOwnAxes) {
  const Geometry grid = turned(upright_grid({4, 5, 6}, {0.5, 2, 4}), 31);
  const Vector3 spacing = spacing_mm_xyz(grid);
  EXPECT_NEAR(spacing[0], 0.5, 1e-12);
  EXPECT_NEAR(spacing[1], 2, 1e-12);
  EXPECT_NEAR(spacing[2], 4, 1e-12);
  EXPECT_NEAR(voxel_volume_ml(grid), 0.004, 1e-12);
}

TEST(Geometry, NamesTheAxesOfFlippedAndPermutedGrids) {
  const LabelMap volume{upright_grid({1, 1, 1}, {1, 1, 1}), {0}};
  EXPECT_EQ(codes(volume.geometry), "RAS");
  EXPECT_EQ(codes(stored_as(volume, {{0, 1, 2}, {true, true, false}}).geometry), "LPS");
  EXPECT_EQ(codes(stored_as(volume, {{2, 0, 1}, {false, true, false}}).geometry), "SLA");
}

TEST(Geometry, GridsAreTheSameOnlyIfNoCornerMoves) {
  const Geometry grid = upright_grid({100, 4, 4}, {1, 1, 1});
  Geometry scaled = grid;
  scaled.affine[0][0] = 1.0001;  // 0.01 mm at the far corner
  EXPECT_TRUE(same_grid(grid, scaled, 0.011));
  EXPECT_FALSE(same_grid(grid, scaled, 0.009));
  Geometry longer = grid;
  longer.size_xyz[0] = 101;
  EXPECT_FALSE(same_grid(grid, longer, 1e9));
}

// The displacements are those of the shifts themselves: origin (dx, dy, dz) moves every voxel by its length.
TEST(Geometry, OneToleranceIsAShareOfTheSmallestEdge) {
  for (const double edge : {5e-4, 0.7, 4.0}) {
    const Geometry grid = turned(upright_grid({30, 20, 10}, {edge, 2 * edge, 3 * edge}, {0, 0, 0}), 31);
    Geometry moved = grid;
    moved.affine[0][3] = 0.03 * edge;  // 3-4-5: .05 of the edge in all
    moved.affine[1][3] = 0.04 * edge;
    EXPECT_TRUE(same_grid(grid, moved)) << edge;
    moved.affine[1][3] = 0.041 * edge;
    EXPECT_FALSE(same_grid(grid, moved)) << edge;
  }
}

TEST(Geometry, ADifferenceIsToldByItsParts) {
  const Geometry grid = upright_grid({11, 21, 31}, {1, 1, 1}, {0, 0, 0});
  Geometry other = grid;
  other.affine[2][3] = 0.5;
  other.affine[0][0] = 1.2;  // the eleventh voxel lies 2 mm away
  const GridDifference difference = grid_difference(other, grid);
  EXPECT_NEAR(difference.origin_mm, 0.5, 1e-12);
  EXPECT_NEAR(difference.spacing_mm, 2, 1e-12);
  EXPECT_NEAR(difference.direction_mm, 0, 1e-12);
  EXPECT_NEAR(difference.displacement_mm, std::hypot(2, 0.5), 1e-12);
  const Geometry flipped =
      stored_as(LabelMap{grid, std::vector<std::uint8_t>(11U * 21 * 31)}, {{0, 1, 2}, {true, false, false}})
          .geometry;
  EXPECT_NEAR(grid_difference(flipped, grid).direction_mm, 20, 1e-12);  // ten steps forth and ten back
  EXPECT_NE(grid_fault(other, grid, "a.nii.gz").find("due to origin 0.5, spacing 2, direction 0 mm"),
            std::string::npos);
  EXPECT_EQ(grid_fault(grid, grid, "a.nii.gz"), "");
  Geometry broken = grid;
  broken.affine[0][0] = std::nan("");
  EXPECT_FALSE(same_grid(grid, broken));
}

TEST(Geometry, ShearIsToldFromTheRoundingOfARotation) {
  for (int degrees = 0; degrees <= 45; ++degrees) {
    Geometry grid = turned(upright_grid({2, 2, 2}, {0.7, 1.3, 4.5}), degrees);
    for (auto& row : grid.affine) {
      for (double& value : row) value = static_cast<double>(static_cast<float>(value));
    }
    EXPECT_FALSE(is_sheared(grid)) << degrees;
    grid.affine[1][2] += 1e-4;
    EXPECT_TRUE(is_sheared(grid)) << degrees;
  }
}

TEST(Orientation, EveryStorageOrderOfAVolumeBecomesTheSameCanonicalVolume) {
  const auto [image, label] = body(turned(upright_grid({5, 4, 3}, {0.7, 1.3, 4.5}), 20), 1);
  for (const StorageOrder& order : all_storage_orders()) {
    const ImageVolume canonical = to_ras(stored_as(image, order));
    EXPECT_EQ(codes(canonical.geometry), "RAS");
    EXPECT_TRUE(same_grid(canonical.geometry, image.geometry, 1e-9));
    EXPECT_EQ(canonical.voxels, image.voxels);
  }
}

// A header that says metres and means mm: 4e15 voxels of 1 x 1 x 2 mm.
TEST(Resample, AGridThatNoMemoryHoldsIsRefused) {
  const std::string message = message_of<DataError>([] {
    grid_with_spacing(upright_grid({200, 200, 200}, {1000, 1000, 1000}), {1, 1, 2});
  });
  EXPECT_THAT(message, testing::HasSubstr("unit of length"));
  EXPECT_NO_THROW(grid_with_spacing(upright_grid({800, 800, 800}, {1, 1, 1}), {1, 1, 2}));
}

TEST(Resample, TheSameGridGivesTheSameVoxels) {
  const auto [image, label] = body(turned(upright_grid({7, 6, 5}, {0.7, 1.3, 4.5}), 20), 2);
  EXPECT_EQ(resample_nearest(label, label.geometry, Outside::zero).voxels, label.voxels);
  const ImageVolume linear = resample_linear(image, image.geometry, Outside::zero);
  for (std::size_t i = 0; i < image.voxels.size(); ++i) EXPECT_NEAR(linear.voxels[i], image.voxels[i], 1e-3);
}

TEST(Resample, TrilinearKeepsALinearRamp) {
  ImageVolume ramp{upright_grid({9, 8, 7}, {2, 3, 4}, {0, 0, 0}), {}};
  for (int z = 0; z < 7; ++z) {
    for (int y = 0; y < 8; ++y) {
      for (int x = 0; x < 9; ++x) ramp.voxels.push_back(static_cast<float>(2 * x + 10 * 3 * y - 4 * z));
    }
  }
  const ImageVolume fine = resample_linear(ramp, grid_with_spacing(ramp.geometry, {1, 1, 1}), Outside::edge);
  ASSERT_EQ(fine.geometry.size_xyz, (Shape3{18, 24, 28}));
  for (const auto& [z, y, x] : std::vector<std::array<std::int64_t, 3>>{{0, 0, 0}, {3, 5, 7}, {24, 21, 16}}) {
    EXPECT_NEAR(fine.at(z, y, x), static_cast<double>(x + 10 * y - z), 1e-3);
  }
  EXPECT_NEAR(fine.at(27, 23, 17), 16 + 210 - 24, 1e-3);  // beyond the last centre: the edge's value
}

TEST(Resample, NearestTiesGoToTheUpperVoxelWhateverTheRounding) {
  LabelMap label{upright_grid({4, 1, 1}, {1, 1, 1}, {0.1, 0, 0}), {1, 2, 3, 4}};
  Geometry half = grid_with_spacing(label.geometry, {0.5, 1, 1});
  EXPECT_EQ(resample_nearest(label, half, Outside::edge).voxels,
            (std::vector<std::uint8_t>{1, 2, 2, 3, 3, 4, 4, 4}));
  EXPECT_EQ(resample_nearest(label, half, Outside::zero).voxels,
            (std::vector<std::uint8_t>{1, 2, 2, 3, 3, 4, 4, 0}));
}

TEST(Resample, ACropKeepsEveryVoxelInItsPlace) {
  const auto [image, label] = body(turned(upright_grid({7, 6, 5}, {0.7, 1.3, 4.5}), 20), 3);
  const LabelMap part = crop(label, {2, 1, 3}, {4, 5, 2});
  EXPECT_EQ(part.at(1, 4, 3), label.at(4, 5, 5));
  const Vector3 here = world_mm(part.geometry, 3, 4, 1);
  const Vector3 there = world_mm(label.geometry, 5, 5, 4);
  for (std::size_t axis = 0; axis < 3; ++axis) EXPECT_NEAR(here[axis], there[axis], 1e-9);
  EXPECT_ANY_THROW(crop(label, {2, 1, 3}, {6, 5, 2}));
}

}  // namespace
}  // namespace totum
