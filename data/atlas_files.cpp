#include "data/atlas_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>

#include "core/error.h"
#include "data/nifti.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

constexpr double kViewPixels = 160;  // of the longest side of a view
constexpr std::int64_t kGap = 4;

std::span<const float> map_of(const Atlas& atlas, std::int64_t organ) {
  const auto voxels = static_cast<std::size_t>(atlas.shape[0] * atlas.shape[1] * atlas.shape[2]);
  return std::span(atlas.probability).subspan(static_cast<std::size_t>(organ - 1) * voxels, voxels);
}

// A maximum projection: `down` and `right` are axes of the volume (0 z, 1 y, 2 x), each shown from its last
// index on where `..._reversed`.
struct View {
  std::size_t down, right;
  bool down_reversed, right_reversed;
};

constexpr std::array<View, 3> kViews{{
    {1, 2, true, true},  // axial: front on top, the patient's right on the left (x grows to the right)
    {0, 2, true, true},  // coronal: head on top
    {0, 1, true, true},  // sagittal: front on the left
}};

std::vector<float> project(std::span<const float> map, const Shape3& shape, const View& view) {
  std::vector<float> largest(static_cast<std::size_t>(shape[view.down] * shape[view.right]), 0.0F);
  std::size_t voxel = 0;
  for (std::int64_t z = 0; z < shape[0]; ++z) {
    for (std::int64_t y = 0; y < shape[1]; ++y) {
      for (std::int64_t x = 0; x < shape[2]; ++x, ++voxel) {
        const Shape3 place{z, y, x};
        const std::int64_t row =
            view.down_reversed ? shape[view.down] - 1 - place[view.down] : place[view.down];
        const std::int64_t column =
            view.right_reversed ? shape[view.right] - 1 - place[view.right] : place[view.right];
        float& pixel = largest[static_cast<std::size_t>(row * shape[view.right] + column)];
        pixel = std::max(pixel, map[voxel]);
      }
    }
  }
  return largest;
}

// Voxels to square pixels.
struct Scale {
  Vector3 pixels;  // of a whole axis
  Scale(const Shape3& shape, const Vector3& spacing_mm) : pixels{} {
    double longest = 0;
    for (std::size_t a = 0; a < 3; ++a) {
      pixels[a] = static_cast<double>(shape[a]) * spacing_mm[a];
      longest = std::max(longest, pixels[a]);
    }
    for (double& length : pixels) length = std::max(1.0, std::round(length * kViewPixels / longest));
  }
  [[nodiscard]] std::int64_t of(std::size_t axis) const { return static_cast<std::int64_t>(pixels[axis]); }
};

Geometry centred_grid(const Shape3& shape, const Vector3& spacing_mm) {
  Geometry grid{{shape[2], shape[1], shape[0]}, {}};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    grid.affine[axis] = {};
    grid.affine[axis][axis] = spacing_mm[2 - axis];
    grid.affine[axis][3] = -spacing_mm[2 - axis] * static_cast<double>(grid.size_xyz[axis] - 1) / 2;
  }
  grid.affine[3] = {0, 0, 0, 1};
  return grid;
}

std::string file_name(std::int64_t organ) {
  std::string name(organ_name(organ));
  std::replace(name.begin(), name.end(), ' ', '_');
  return fmt::format("atlas_{:02}_{}.nii.gz", organ, name);
}

}  // namespace

GreyPicture atlas_sheet(const Atlas& atlas, const Vector3& spacing_mm) {
  const Scale scale(atlas.shape, spacing_mm);
  const std::int64_t row_height = std::max(scale.of(1), scale.of(0));
  GreyPicture sheet;
  sheet.width = kGap;
  for (const View& view : kViews) sheet.width += scale.of(view.right) + kGap;
  sheet.height = kGap + kOrgans * (row_height + kGap);
  constexpr std::uint8_t kBetween = 64;
  sheet.pixels.assign(static_cast<std::size_t>(sheet.height * sheet.width), kBetween);
  for (std::int64_t organ = 1; organ <= kOrgans; ++organ) {
    const auto map = map_of(atlas, organ);
    const float white = std::max(*std::max_element(map.begin(), map.end()), 1e-6F);
    std::int64_t left = kGap;
    for (const View& view : kViews) {
      const auto projection = project(map, atlas.shape, view);
      const std::int64_t height = scale.of(view.down);
      const std::int64_t width = scale.of(view.right);
      for (std::int64_t r = 0; r < height; ++r) {
        for (std::int64_t c = 0; c < width; ++c) {
          const std::int64_t from = r * atlas.shape[view.down] / height * atlas.shape[view.right] +
                                    c * atlas.shape[view.right] / width;
          const std::int64_t top = kGap + (organ - 1) * (row_height + kGap);
          sheet.pixels[static_cast<std::size_t>((top + r) * sheet.width + left + c)] =
              static_cast<std::uint8_t>(
                  std::lround(255 * projection[static_cast<std::size_t>(from)] / white));
        }
      }
      left += width + kGap;
    }
  }
  return sheet;
}

std::vector<fs::path> write_atlas_files(const Atlas& atlas, const Vector3& spacing_mm,
                                        const fs::path& folder) {
  if (fs::exists(folder) && !fs::is_directory(folder))
    throw DataError(fmt::format("{}: is a file; name a folder for the atlas", folder.string()), true);
  std::vector<fs::path> written;
  ImageVolume volume{centred_grid(atlas.shape, spacing_mm), {}};
  std::vector<float> sum(static_cast<std::size_t>(volume.geometry.voxels()), 0.0F);
  const auto write = [&](const std::string& name) {
    written.push_back(folder / name);
    write_image(written.back(), volume);
  };
  for (std::int64_t organ = 1; organ <= kOrgans; ++organ) {
    const auto map = map_of(atlas, organ);
    volume.voxels.assign(map.begin(), map.end());
    std::transform(sum.begin(), sum.end(), map.begin(), sum.begin(), std::plus<>());
    write(file_name(organ));
  }
  volume.voxels = std::move(sum);
  write("atlas_sum.nii.gz");
  written.push_back(folder / "atlas.png");
  write_file_atomically(written.back(), encode_png(atlas_sheet(atlas, spacing_mm)));
  return written;
}

}  // namespace totum
