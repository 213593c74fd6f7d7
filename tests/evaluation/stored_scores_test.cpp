// The scores of volumes in memory and of their files are the same bytes.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/files.h"
#include "core/random.h"
#include "data/nifti.h"
#include "data/nifti_header.h"
#include "evaluation/metric.h"
#include "evaluation/score_case.h"
#include "tests/core/temporary_folder.h"

namespace totum {
namespace {

namespace fs = std::filesystem;

// A rotation by Rodrigues' formula about a random axis, with random spacing and origin.
Geometry random_geometry(RandomStream& random) {
  std::array<double, 3> axis{};
  for (double& value : axis) value = random.uniform() - 0.5;
  const double length = std::hypot(axis[0], axis[1], axis[2]);
  for (double& value : axis) value /= length;
  const double angle = 3.0 * random.uniform(), c = std::cos(angle), s = std::sin(angle);
  const auto& [x, y, z] = axis;
  const std::array<std::array<double, 3>, 3> rotation{
      {{c + x * x * (1 - c), x * y * (1 - c) - z * s, x * z * (1 - c) + y * s},
       {y * x * (1 - c) + z * s, c + y * y * (1 - c), y * z * (1 - c) - x * s},
       {z * x * (1 - c) - y * s, z * y * (1 - c) + x * s, c + z * z * (1 - c)}}};
  Geometry geometry;
  geometry.size_xyz = {7, 6, 5};
  for (std::size_t column = 0; column < 3; ++column) {
    const double spacing_mm = 0.3 + 5 * random.uniform();
    for (std::size_t row = 0; row < 3; ++row)
      geometry.affine[row][column] = rotation[row][column] * spacing_mm;
  }
  for (std::size_t row = 0; row < 3; ++row) geometry.affine[row][3] = 400 * random.uniform() - 200;
  return geometry;
}

LabelMap random_labels(const Geometry& geometry, RandomStream& random) {
  LabelMap map{geometry, std::vector<std::uint8_t>(static_cast<std::size_t>(geometry.voxels()))};
  for (std::uint8_t& voxel : map.voxels) voxel = static_cast<std::uint8_t>(4 * random.uniform());
  return map;
}

// Every metric of every organ, each value with all its digits.
std::string scores_text(const LabelMap& prediction, const LabelMap& reference, const Geometry& geometry,
                        const fs::path& folder) {
  const Split split = read_split(folder / "split.csv");
  std::string text;
  for (const Score& score : score_case({"r", "c", Modality::ct, "native"}, prediction.voxels,
                                       reference.voxels, geometry, split, {metric_ids()}))
    text += fmt::format("{},{},{}\n", score.organ, score.metric,
                        score.value ? fmt::format("{}", *score.value) : "");
  return text;
}

class StoredScoresTest : public testing::Test {
 protected:
  void SetUp() override {
    write_file_atomically(folder_.path() / "split.csv",
                          "case,modality,subset,task,labelled_organs\nc,ct,test,ct_a,1 2 3\n");
  }
  TemporaryFolder folder_;
};

TEST_F(StoredScoresTest, OfThreeHundredSpacingsAndRotationsAreThoseOfTheFiles) {
  RandomStream random(11, "stored scores");
  for (int i = 0; i < 300; ++i) {
    const Geometry geometry = random_geometry(random);
    const LabelMap prediction = random_labels(geometry, random), reference = random_labels(geometry, random);
    const fs::path file = folder_.path() / "p.nii.gz";
    write_label_map(file, prediction);
    const LabelMap read = read_label(file);
    EXPECT_EQ(read.geometry.affine, as_stored(geometry).affine) << "case " << i;
    EXPECT_EQ(scores_text(prediction, reference, as_stored(geometry), folder_.path()),
              scores_text(read, reference, read.geometry, folder_.path()))
        << "case " << i;
  }
}

template <class T>
std::string voxels_as(const LabelMap& map) {
  std::string bytes;
  for (const std::uint8_t voxel : map.voxels) {
    const auto value = static_cast<T>(voxel);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  return bytes;
}

// NIfTI-1's codes of the types that hold whole numbers or fractions.
TEST_F(StoredScoresTest, OfEveryStoredTypeAreTheSame) {
  RandomStream random(12, "stored types");
  const Geometry geometry = random_geometry(random);
  const LabelMap prediction = random_labels(geometry, random), reference = random_labels(geometry, random);
  const std::string expected = scores_text(prediction, reference, as_stored(geometry), folder_.path());
  struct Stored {
    std::int16_t code, bits;
    std::string voxels;
  };
  for (const Stored& stored :
       {Stored{2, 8, voxels_as<std::uint8_t>(prediction)}, Stored{4, 16, voxels_as<std::int16_t>(prediction)},
        Stored{8, 32, voxels_as<std::int32_t>(prediction)}, Stored{16, 32, voxels_as<float>(prediction)},
        Stored{64, 64, voxels_as<double>(prediction)}, Stored{256, 8, voxels_as<std::int8_t>(prediction)},
        Stored{512, 16, voxels_as<std::uint16_t>(prediction)},
        Stored{768, 32, voxels_as<std::uint32_t>(prediction)}}) {
    const fs::path file = folder_.path() / fmt::format("{}.nii", stored.code);
    write_file_atomically(file, make_nifti_header(geometry, stored.code, stored.bits) + stored.voxels);
    const LabelMap read = read_label(file);
    EXPECT_EQ(scores_text(read, reference, read.geometry, folder_.path()), expected) << stored.code;
  }
}

}  // namespace
}  // namespace totum
