#pragma once
// Pictures for the eye.

#include <cstdint>
#include <filesystem>
#include <vector>

namespace totum {

/// An 8-bit grey picture.
struct GreyPicture {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint8_t> pixels;  // [height,width], 0 black
};

/// Writes a PNG by atomic rename. Throws RunError.
void write_png(const std::filesystem::path& path, const GreyPicture& picture);

}  // namespace totum
