#include "data/png.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/data/read_png.h"

namespace totum {
namespace {

TEST(Png, KeepsEveryGreyValue) {
  const DecodedPicture read = read_png(encode_png(GreyPicture{2, 3, {0, 1, 127, 128, 254, 255}}));
  EXPECT_EQ(read.height, 2);
  EXPECT_EQ(read.width, 3);
  EXPECT_EQ(read.at(0, 0), (Rgba{0, 0, 0, 255}));
  EXPECT_EQ(read.at(1, 0), (Rgba{128, 128, 128, 255}));
  EXPECT_EQ(read.at(1, 2), (Rgba{255, 255, 255, 255}));
}

TEST(Png, KeepsColoursAndTheirOpacity) {
  const std::vector<Rgba> palette{{0, 0, 0, 0}, {1, 2, 3, 90}, {200, 100, 50, 255}};
  const DecodedPicture read = read_png(encode_png(PalettePicture{1, 4, {2, 1, 1, 0}, palette}));
  EXPECT_EQ(read.at(0, 0), palette[2]);
  EXPECT_EQ(read.at(0, 1), palette[1]);
  EXPECT_EQ(read.at(0, 3), palette[0]);
}

TEST(Png, RefusesWhatIsNoPicture) {
  EXPECT_THROW(encode_png(GreyPicture{2, 2, {0, 0, 0}}), RunError);
  EXPECT_THROW(encode_png(GreyPicture{0, 0, {}}), RunError);
  EXPECT_THROW(encode_png(PalettePicture{1, 1, {1}, {{0, 0, 0, 0}}}), RunError);
  EXPECT_THROW(encode_png(PalettePicture{1, 1, {0}, {}}), RunError);
}

}  // namespace
}  // namespace totum
