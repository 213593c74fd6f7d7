// Three real volumes (two CT of one patient, one MR) that lie beside the checkout; skipped where they do not.

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/json_reader.h"
#include "core/sha256.h"
#include "data/dataset.h"
#include "data/nifti.h"
#include "data/orientation.h"
#include "data/prepare.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/volumes.h"

namespace totum {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(TOTUM_SOURCE_DIR) / "../shared/data/real_mini";

class RealMini : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kFolder / "expected.json"))
      GTEST_SKIP() << "the real volumes are not beside the checkout";
    expected_ = read_json_file(kFolder / "expected.json");
    dataset_ = open_dataset(kFolder);
  }
  nlohmann::json expected_;
  Dataset dataset_;
};

using Affine = std::array<std::array<double, 4>, 4>;

void expect_affine(const Affine& got, const Affine& expected) {
  for (std::size_t row = 0; row < 4; ++row) {
    for (std::size_t column = 0; column < 4; ++column)
      EXPECT_NEAR(got[row][column], expected[row][column], 1e-4);
  }
}

TEST_F(RealMini, GeometryIsAsExpected) {
  for (const auto& [id, row] : expected_.items()) {
    SCOPED_TRACE(id);
    const ImageVolume image = read_image(dataset_.cases.at(id).image);
    EXPECT_EQ(image.geometry.size_xyz, row.at("shape").get<Shape3>());
    const auto spacing = row.at("spacing_mm").get<Vector3>();
    for (std::size_t axis = 0; axis < 3; ++axis)
      EXPECT_NEAR(spacing_mm_xyz(image.geometry)[axis], spacing[axis], 1e-5);
    const auto codes = axis_codes(image.geometry);
    EXPECT_EQ(std::string(codes.begin(), codes.end()), row.at("axcodes").get<std::string>());
    expect_affine(image.geometry.affine, row.at("affine").get<Affine>());
    const Geometry ras = to_ras(image.geometry);
    EXPECT_EQ(ras.size_xyz, row.at("ras_shape").get<Shape3>());
    expect_affine(ras.affine, row.at("ras_affine").get<Affine>());
  }
}

TEST_F(RealMini, IntensitiesAreAsExpected) {
  for (const auto& [id, row] : expected_.items()) {
    SCOPED_TRACE(id);
    const ImageVolume image = read_image(dataset_.cases.at(id).image);
    double sum = 0, squares = 0, low = 1e9, high = -1e9;
    for (const float value : image.voxels) {
      const auto v = static_cast<double>(value);
      sum += v;
      squares += v * v;
      low = std::min(low, v);
      high = std::max(high, v);
    }
    const auto count = static_cast<double>(image.voxels.size());
    const auto& intensity = row.at("intensity");
    EXPECT_EQ(low, intensity.at("min").get<double>());
    EXPECT_EQ(high, intensity.at("max").get<double>());
    EXPECT_NEAR(sum / count, intensity.at("mean").get<double>(), 1e-3);
    EXPECT_NEAR(std::sqrt(squares / count - sum / count * sum / count), intensity.at("sd").get<double>(),
                1e-3);
  }
}

TEST_F(RealMini, CanonicalVoxelsHaveTheExpectedChecksum) {
  for (const auto& [id, row] : expected_.items()) {
    SCOPED_TRACE(id);
    const ImageVolume image = to_ras(read_image(dataset_.cases.at(id).image));
    const std::vector<std::int16_t> narrow(image.voxels.begin(), image.voxels.end());
    EXPECT_EQ(sha256(std::as_bytes(std::span(narrow))),
              row.at("ras_image_sha256_int16_fortran").get<std::string>());
    const LabelMap label = to_ras(read_label(dataset_.cases.at(id).label));
    EXPECT_EQ(sha256(std::as_bytes(std::span(label.voxels))),
              row.at("ras_label_sha256_uint8_fortran").get<std::string>());
  }
}

struct Organ {
  std::int64_t voxels = 0;
  Vector3 centroid_mm{};
};

std::map<std::int64_t, Organ> organs_of(const LabelMap& label) {
  std::map<std::int64_t, Organ> organs;
  const Shape3& size = label.geometry.size_xyz;
  for (std::int64_t z = 0; z < size[2]; ++z) {
    for (std::int64_t y = 0; y < size[1]; ++y) {
      for (std::int64_t x = 0; x < size[0]; ++x) {
        if (label.at(z, y, x) == 0) continue;
        Organ& organ = organs[label.at(z, y, x)];
        const Vector3 place =
            world_mm(label.geometry, static_cast<double>(x), static_cast<double>(y), static_cast<double>(z));
        for (std::size_t axis = 0; axis < 3; ++axis) organ.centroid_mm[axis] += place[axis];
        ++organ.voxels;
      }
    }
  }
  for (auto& [id, organ] : organs) {
    for (double& value : organ.centroid_mm) value /= static_cast<double>(organ.voxels);
  }
  return organs;
}

TEST_F(RealMini, OrgansHaveTheExpectedVolumesAndPlaces) {
  for (const auto& [id, row] : expected_.items()) {
    const LabelMap label = read_label(dataset_.cases.at(id).label);
    const auto organs = organs_of(label);
    EXPECT_EQ(organs.size(), row.at("organs").size());
    for (const auto& [name, organ] : row.at("organs").items()) {
      SCOPED_TRACE(id + " " + name);
      const Organ& got = organs.at(organ.at("label").get<std::int64_t>());
      EXPECT_EQ(got.voxels, organ.at("voxels").get<std::int64_t>());
      EXPECT_NEAR(static_cast<double>(got.voxels) * voxel_volume_ml(label.geometry),
                  organ.at("ml").get<double>(), 1e-3);
      const auto centroid = organ.at("centroid_world_mm").get<Vector3>();
      for (std::size_t axis = 0; axis < 3; ++axis) EXPECT_NEAR(got.centroid_mm[axis], centroid[axis], 0.006);
    }
  }
}

TEST_F(RealMini, ThroughTheNetworkGridAndBackLabelsAndAffinesStay) {
  const TemporaryFolder folder;
  const Split split = read_split(std::filesystem::path(TOTUM_SOURCE_DIR) / "data_splits/real_mini.csv");
  const auto progress = make_silent_progress();
  for (const Vector3& spacing : {Vector3{2, 1, 1}, Vector3{3, 3, 3}}) {
    const PreparedDataset prepared =
        prepare_dataset(dataset_, split, {{spacing, 3}, {}}, folder.path(), 2, *progress);
    for (const auto& [id, row] : expected_.items()) {
      SCOPED_TRACE(id);
      const PreparedCase& c = prepared.at(id);
      const LabelMap network{c.network(), {c.label().begin(), c.label().end()}};
      const LabelMap reference = read_label(dataset_.cases.at(id).label);
      const auto path = folder.path() / "predictions" / (id + ".nii.gz");
      write_label_map(path, to_native(network, c.native()));
      const LabelMap back = read_label(path);
      EXPECT_EQ(back.geometry.affine, read_nifti_header(dataset_.cases.at(id).image).geometry.affine);
      EXPECT_EQ(back.geometry.size_xyz, row.at("shape").get<Shape3>());
      EXPECT_EQ(back.voxels, reference.voxels);  // the torso holds all organs, and 3 mm fit into 2 x 1 x 1 mm
    }
  }
}

}  // namespace
}  // namespace totum
