#include "data/registration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/data/volumes.h"

namespace totum {
namespace {

using ::testing::HasSubstr;

const Shape3 kShape{24, 28, 30};  // D,H,W

// A soft body with two organs in air. Place u of it is shown at `place(u)` of the picture; `mr` turns the
// contrast.
struct Picture {
  Vector3 shift{0, 0, 0};  // z,y,x fractions
  double scale = 1;        // about the middle
  double bend = 0;         // of x along z, as a wave
  bool is_mr = false;
};

double ball(const Vector3& u, const Vector3& middle, double radius) {
  double sum = 0;
  for (std::size_t a = 0; a < 3; ++a) sum += (u[a] - middle[a]) * (u[a] - middle[a]);
  return 1 / (1 + std::exp((std::sqrt(sum) - radius) * 40));
}

// The place of the plain body that is seen at place u of the picture.
Vector3 body_place(const Picture& p, const Vector3& u) {
  Vector3 v{};
  for (std::size_t a = 0; a < 3; ++a) v[a] = 0.5 + (u[a] - 0.5 - p.shift[a]) / p.scale;
  v[2] -= p.bend * std::sin(2 * 3.14159265 * u[0]);
  return v;
}

std::vector<float> paint(const Picture& p) {
  std::vector<float> voxels;
  for (std::int64_t z = 0; z < kShape[0]; ++z) {
    for (std::int64_t y = 0; y < kShape[1]; ++y) {
      for (std::int64_t x = 0; x < kShape[2]; ++x) {
        const Vector3 v = body_place(p, {(static_cast<double>(z) + 0.5) / static_cast<double>(kShape[0]),
                                         (static_cast<double>(y) + 0.5) / static_cast<double>(kShape[1]),
                                         (static_cast<double>(x) + 0.5) / static_cast<double>(kShape[2])});
        const double torso = ball(v, {0.5, 0.5, 0.5}, 0.36);
        const double first = ball(v, {0.45, 0.4, 0.35}, 0.12);
        const double second = ball(v, {0.6, 0.55, 0.65}, 0.1);
        voxels.push_back(static_cast<float>(p.is_mr ? -1 + torso * 1.2 + 1.6 * first - 0.8 * second
                                                    : -1 + torso * 0.8 - 0.4 * first + 0.9 * second));
      }
    }
  }
  return voxels;
}

ImageVolume image_of(const Picture& p) {
  return registration_image(paint(p), kShape, p.is_mr ? Modality::mr : Modality::ct, kShape);
}

// Largest distance (voxels) between where the warp sends the body's places and where they are in `moving`.
double error_voxels(const Warp& warp, const Picture& moving) {
  double worst = 0;
  for (const Vector3& u : {Vector3{0.5, 0.5, 0.5}, Vector3{0.45, 0.4, 0.35}, Vector3{0.6, 0.55, 0.65},
                           Vector3{0.3, 0.5, 0.6}, Vector3{0.7, 0.4, 0.45}}) {  // of the plain body
    Vector3 seen = warp.at(u);
    for (std::size_t a = 0; a < 3; ++a) seen[a] += u[a];
    const Vector3 v = body_place(moving, seen);
    for (std::size_t a = 0; a < 3; ++a)
      worst = std::max(worst, std::abs(v[a] - u[a]) * static_cast<double>(kShape[a]));
  }
  return worst;
}

TEST(Registration, AffineFindsAShiftAndAScaleInEitherModality) {
  for (const bool is_mr : {false, true}) {
    const Picture moving{{0.06, -0.05, 0.04}, 1.1, 0, is_mr};
    EXPECT_GT(error_voxels({{2, 2, 2}, std::vector<float>(24, 0.0F)}, moving), 1.5);  // plain resizing
    EXPECT_LT(error_voxels(register_images(image_of({}), image_of(moving), Registration::affine), moving),
              0.5)
        << "mr: " << is_mr;
  }
}

TEST(Registration, DeformableFindsABendThatAffineDoesNot) {
  const Picture moving{{0.03, 0, 0.02}, 1, 0.06, true};
  const double affine =
      error_voxels(register_images(image_of({}), image_of(moving), Registration::affine), moving);
  const double deformable =
      error_voxels(register_images(image_of({}), image_of(moving), Registration::deformable), moving);
  EXPECT_LT(deformable, 0.6 * affine);
}

TEST(Registration, EqualInputGivesEqualBytes) {
  const ImageVolume a = image_of({});
  const ImageVolume b = image_of({{0.04, 0, 0}, 1.05, 0.03, true});
  for (const Registration kind : {Registration::affine, Registration::deformable})
    EXPECT_EQ(register_images(a, b, kind).displacement, register_images(a, b, kind).displacement);
}

TEST(Registration, AnImageAndItselfStayWhereTheyAre) {
  const ImageVolume image = image_of({});
  for (const float d : register_images(image, image, Registration::affine).displacement)
    EXPECT_LT(std::abs(d), 0.02);  // half a voxel
}

TEST(Registration, SaysWhyItDidNotConverge) {
  const ImageVolume image = image_of({});
  ImageVolume flat = image;
  std::fill(flat.voxels.begin(), flat.voxels.end(), 0.0F);
  EXPECT_THAT(message_of<DataError>([&] { register_images(image, flat, Registration::affine); }),
              testing::AllOf(HasSubstr("did not converge: the second image is constant"),
                             HasSubstr("atlas/alignment \"resize\"")));
  flat.geometry.size_xyz[0] -= 1;
  EXPECT_THAT(message_of<DataError>([&] { register_images(image, flat, Registration::affine); }),
              HasSubstr("one grid"));
}

TEST(RegistrationImage, IsResizedToAtMost48VoxelsAndKeepsItsPlace) {
  const Shape3 shape{10, 96, 60};
  std::vector<float> voxels;
  for (std::int64_t i = 0; i < shape[0] * shape[1] * shape[2]; ++i)
    voxels.push_back(static_cast<float>(i % shape[2]) / static_cast<float>(shape[2]));  // grows along x
  const ImageVolume image = registration_image(voxels, shape, Modality::ct, {20, 100, 50});
  EXPECT_EQ(image.geometry.shape(), (Shape3{20, 48, 48}));
  EXPECT_NEAR(image.at(9, 20, 24), 24.5 / 48 - 0.5 / 60, 1e-4);
  EXPECT_NEAR(image.geometry.affine[1][1] * 48, 100, 1e-9);
}

TEST(RegistrationImage, BrightVoxelsOfMrAreClipped) {
  std::vector<float> voxels(8, 0.0F);
  voxels[0] = 50;
  const ImageVolume image = registration_image(voxels, {2, 2, 2}, Modality::mr, {2, 2, 2});
  EXPECT_EQ(image.voxels[0], 3);
}

}  // namespace
}  // namespace totum
