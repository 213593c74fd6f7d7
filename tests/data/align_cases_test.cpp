#include "data/align_cases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/sha256.h"
#include "data/atlas.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/prepared_volumes.h"

namespace totum {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

const Shape3 kShape{20, 22, 24};

class AlignCases : public testing::Test {
 protected:
  // Two boxes (organs 5 and 6) in a soft torso, all moved by `shift` voxels along x and y.
  PreparedCase subject(const std::string& id, std::int64_t shift, Modality modality, bool labelled = true) {
    std::vector<float> image;
    std::vector<std::uint8_t> label;
    for (std::int64_t z = 0; z < kShape[0]; ++z) {
      for (std::int64_t y = 0; y < kShape[1]; ++y) {
        for (std::int64_t x = 0; x < kShape[2]; ++x) {
          const std::int64_t v = y - shift, u = x - shift;
          const double radius = std::hypot(static_cast<double>(z) - 9.5, static_cast<double>(v) - 10.5,
                                           static_cast<double>(u) - 11.5);
          const bool first = z >= 6 && z < 13 && v >= 6 && v < 11 && u >= 6 && u < 12;
          const bool second = z >= 7 && z < 12 && v >= 12 && v < 16 && u >= 12 && u < 17;
          const double torso = 1 / (1 + std::exp(radius - 9));
          const double organs = first ? 0.5 : second ? -0.4 : 0.0;
          image.push_back(
              static_cast<float>(modality == Modality::ct ? -1 + torso + organs : torso - 1.5 * organs));
          label.push_back(first ? 5 : second ? 6 : 0);
        }
      }
    }
    if (!labelled) label.assign(label.size(), 0);
    return prepared_case(folder_.path(), id, kShape, std::move(image), std::move(label), modality);
  }
  std::map<std::string, CaseAlignment> align(const std::vector<const PreparedCase*>& cases, int threads = 1) {
    return align_cases(cases, kShape, Registration::affine, folder_.path() / "cache", threads,
                       *make_silent_progress());
  }
  TemporaryFolder folder_;
};

TEST_F(AlignCases, TheTemplateIsTheCaseOfTheMostUsualShape) {
  const PreparedCase large = prepared_case(folder_.path(), "large", {9, 9, 9}, {}, {});
  const PreparedCase b = prepared_case(folder_.path(), "b", {5, 6, 6}, {}, {});
  const PreparedCase a = prepared_case(folder_.path(), "a", {6, 5, 6}, {}, {});
  EXPECT_EQ(template_case({&large, &b, &a}, {6, 6, 6}).case_id(), "a");  // as near as b, and first by id
  EXPECT_EQ(template_case({&large, &b}, {9, 8, 9}).case_id(), "large");
  EXPECT_THROW(template_case({}, {1, 1, 1}), DataError);
}

TEST_F(AlignCases, RegistrationSharpensTheAtlasAcrossModalities) {
  const PreparedCase a = subject("a", 0, Modality::ct);
  const PreparedCase b = subject("b", 2, Modality::mr);
  const PreparedCase c = subject("c", -2, Modality::ct);
  const auto aligned = align({&a, &b, &c});
  std::vector<AtlasCase> resized, registered;
  for (const PreparedCase* image : {&a, &b, &c}) {
    resized.push_back({image, {5, 6}});
    registered.push_back({image, {5, 6}, &aligned.at(image->case_id()).to_image});
  }
  for (const std::int64_t organ : {5, 6}) {
    EXPECT_LT(*entropy_bits(make_atlas(registered), organ), 0.5 * *entropy_bits(make_atlas(resized), organ));
  }
  // And back: in the image of b the sharp atlas lies where b's organ does.
  const Atlas atlas = make_atlas({{&a, {5, 6}}});
  std::vector<float> patch(static_cast<std::size_t>(kOrgans * 20 * 22 * 24));
  const auto overlap = [&](const Warp* warp) {
    atlas_patch(atlas, kShape, {0, 0, 0}, kShape, patch.data(), warp);
    double both = 0;
    for (std::size_t i = 0; i < b.label().size(); ++i)
      both += b.label()[i] == 5 ? static_cast<double>(patch[4 * b.label().size() + i]) : 0;
    return both / (7.0 * 5 * 6);
  };
  EXPECT_LT(overlap(nullptr), 0.5);
  EXPECT_GT(overlap(&aligned.at("b").to_atlas), 0.85);
}

TEST_F(AlignCases, LabelsAreNeverLookedAt) {
  const PreparedCase a = subject("a", 0, Modality::ct);
  const PreparedCase b = subject("b", 2, Modality::mr);
  const Warp honest = align({&a, &b}).at("b").to_image;
  fs::remove_all(folder_.path() / "cache");
  const PreparedCase blind = subject("b", 2, Modality::mr, false);
  EXPECT_EQ(align({&a, &blind}).at("b").to_image.displacement, honest.displacement);
}

TEST_F(AlignCases, ComesBackFromTheCacheAndADamagedFileIsMadeAgain) {
  const PreparedCase a = subject("a", 0, Modality::ct);
  const PreparedCase b = subject("b", 1, Modality::ct);
  const PreparedCase c = subject("c", -1, Modality::mr);
  const auto first = align({&a, &b, &c});
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder_.path() / "cache" / "alignment"))
    files.push_back(entry.path());
  ASSERT_EQ(files.size(), 2U);  // the template needs none
  const std::string whole = read_file(files[0]);
  std::string damaged = whole;
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  write_file_atomically(files[0], damaged);
  const auto again = align({&a, &b, &c}, 2);
  for (const auto& [id, alignment] : first) {
    EXPECT_EQ(again.at(id).to_image.displacement, alignment.to_image.displacement) << id;
    EXPECT_EQ(again.at(id).to_atlas.displacement, alignment.to_atlas.displacement) << id;
  }
  EXPECT_EQ(read_file(files[0]), whole);
}

TEST_F(AlignCases, NamesEveryCaseThatDoesNotConverge) {
  const PreparedCase a = subject("a", 0, Modality::ct);
  const PreparedCase flat = prepared_case(folder_.path(), "flat", kShape, {}, {});
  const PreparedCase blank = prepared_case(folder_.path(), "blank", kShape, {}, {});
  EXPECT_THAT(message_of<DataError>([&] {
                align({&a, &flat, &blank});
              }),
              testing::AllOf(HasSubstr("2 case(s) can't be aligned"), HasSubstr("blank: the registration"),
                             HasSubstr("flat: the registration with the atlas did not converge")));
}

}  // namespace
}  // namespace totum
