#include "data/png.h"

#include <fmt/format.h>
#include <png.h>

#include <algorithm>

#include "core/error.h"

namespace totum {

namespace {

png_image header_of(std::int64_t height, std::int64_t width, std::size_t pixels) {
  if (height < 1 || width < 1 || pixels != static_cast<std::size_t>(height * width)) {
    throw RunError(
        fmt::format("a picture of {} x {} with {} pixels can't become a PNG", height, width, pixels));
  }
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.height = static_cast<png_uint_32>(height);
  image.width = static_cast<png_uint_32>(width);
  return image;
}

// colours: null for grey
std::string encoded(png_image image, const std::vector<std::uint8_t>& pixels, const void* colours) {
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string bytes(size, '\0');
  if (png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0, colours) == 0)
    throw RunError(fmt::format("a picture can't become a PNG: {}", image.message));
  bytes.resize(size);
  return bytes;
}

}  // namespace

std::string encode_png(const GreyPicture& picture) {
  png_image image = header_of(picture.height, picture.width, picture.pixels.size());
  image.format = PNG_FORMAT_GRAY;
  return encoded(image, picture.pixels, nullptr);
}

std::string encode_png(const PalettePicture& picture) {
  constexpr std::size_t kMostColours = 256;
  png_image image = header_of(picture.height, picture.width, picture.pixels.size());
  if (picture.palette.empty() || picture.palette.size() > kMostColours ||
      *std::max_element(picture.pixels.begin(), picture.pixels.end()) >= picture.palette.size()) {
    throw RunError(
        fmt::format("a picture's pixels don't fit its palette of {} colours", picture.palette.size()));
  }
  image.format = PNG_FORMAT_RGBA_COLORMAP;
  image.colormap_entries = static_cast<png_uint_32>(picture.palette.size());
  return encoded(image, picture.pixels, picture.palette.data());
}

}  // namespace totum
