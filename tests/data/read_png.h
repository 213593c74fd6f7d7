#pragma once
// Reads PNG files back, for tests of what was written.

#include <png.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "data/png.h"

namespace totum {

struct DecodedPicture {
  std::int64_t height = 0, width = 0;
  std::vector<Rgba> pixels;  // [height,width]

  [[nodiscard]] Rgba at(std::int64_t row, std::int64_t column) const {
    return pixels.at(static_cast<std::size_t>(row * width + column));
  }
};

inline DecodedPicture read_png(const std::string& bytes) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) == 0)
    throw std::runtime_error(image.message);
  image.format = PNG_FORMAT_RGBA;
  DecodedPicture picture{image.height, image.width, {}};
  picture.pixels.resize(static_cast<std::size_t>(picture.height * picture.width));
  if (png_image_finish_read(&image, nullptr, picture.pixels.data(), 0, nullptr) == 0)
    throw std::runtime_error(image.message);
  return picture;
}

}  // namespace totum
