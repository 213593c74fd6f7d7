#pragma once
// Small pictures as PNG, in memory.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace totum {

/// An 8-bit grey picture.
struct GreyPicture {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint8_t> pixels;  // [height,width], 0 black
};

using Rgba = std::array<std::uint8_t, 4>;  // sRGB and opacity, 255 opaque

/// A picture of few colours.
struct PalettePicture {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint8_t> pixels;  // [height,width], index into palette
  std::vector<Rgba> palette;         // 1 to 256 colours
};

/// The bytes of a PNG file; equal pictures give equal bytes. Throws RunError if a picture has no pixels or an
/// index is beyond the palette.
std::string encode_png(const GreyPicture& picture);
std::string encode_png(const PalettePicture& picture);

}  // namespace totum
