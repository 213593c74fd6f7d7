#pragma once
// Small volumes and NIfTI files for tests.

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "core/files.h"
#include "core/random.h"
#include "data/gzip.h"
#include "data/nifti_header.h"
#include "data/volume.h"

namespace totum {

/// RAS+ grid with the given spacing, first voxel at `origin`.
inline Geometry upright_grid(const Shape3& size_xyz, const Vector3& spacing_xyz,
                             const Vector3& origin = {-20, 35, 7}) {
  Geometry grid{size_xyz, {}};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    grid.affine[axis][axis] = spacing_xyz[axis];
    grid.affine[axis][3] = origin[axis];
  }
  grid.affine[3] = {0, 0, 0, 1};
  return grid;
}

/// The grid turned by `degrees` about the first world axis and then by half as much about the third.
inline Geometry turned(Geometry grid, double degrees) {
  const auto rotate = [&grid](std::size_t p, std::size_t q, double radians) {
    for (std::size_t column = 0; column < 4; ++column) {
      const double u = grid.affine[p][column];
      const double v = grid.affine[q][column];
      grid.affine[p][column] = std::cos(radians) * u - std::sin(radians) * v;
      grid.affine[q][column] = std::sin(radians) * u + std::cos(radians) * v;
    }
  };
  constexpr double kRadians = 3.14159265358979323846 / 180;
  rotate(1, 2, degrees * kRadians);
  rotate(0, 1, degrees * kRadians / 2);
  return grid;
}

struct StorageOrder {
  std::array<std::size_t, 3> axis;  // stored axis a runs along axis[a] of the volume
  std::array<bool, 3> reversed;
};

/// The 48 ways to store one volume.
inline std::vector<StorageOrder> all_storage_orders() {
  std::vector<StorageOrder> orders;
  for (const auto& axis : std::vector<std::array<std::size_t, 3>>{
           {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}) {
    for (unsigned bits = 0; bits < 8; ++bits)
      orders.push_back({axis, {(bits & 1U) != 0, (bits & 2U) != 0, (bits & 4U) != 0}});
  }
  return orders;
}

/// The same voxels at the same world places, stored in another order (the obvious slow way).
template <class T>
Volume<T> stored_as(const Volume<T>& volume, const StorageOrder& order) {
  Volume<T> out;
  out.geometry.affine = volume.geometry.affine;
  for (std::size_t a = 0; a < 3; ++a) {
    const std::size_t from = order.axis[a];
    out.geometry.size_xyz[a] = volume.geometry.size_xyz[from];
    for (std::size_t row = 0; row < 3; ++row) {
      const double step = volume.geometry.affine[row][from];
      out.geometry.affine[row][a] = order.reversed[a] ? -step : step;
      if (order.reversed[a])
        out.geometry.affine[row][3] += step * static_cast<double>(volume.geometry.size_xyz[from] - 1);
    }
  }
  const Shape3& size = out.geometry.size_xyz;
  for (std::int64_t k = 0; k < size[2]; ++k) {
    for (std::int64_t j = 0; j < size[1]; ++j) {
      for (std::int64_t i = 0; i < size[0]; ++i) {
        const Shape3 place{i, j, k};
        Shape3 from{};
        for (std::size_t a = 0; a < 3; ++a)
          from[order.axis[a]] = order.reversed[a] ? size[a] - 1 - place[a] : place[a];
        out.voxels.push_back(volume.at(from[2], from[1], from[0]));
      }
    }
  }
  return out;
}

/// A bright ellipsoid with noise in dark air, and inside it a block for each of the 13 organs.
inline std::pair<ImageVolume, LabelMap> body(const Geometry& grid, std::uint64_t seed) {
  RandomStream random(seed, "body");
  const Shape3& size = grid.size_xyz;
  ImageVolume image{grid, {}};
  LabelMap label{grid, {}};
  for (std::int64_t k = 0; k < size[2]; ++k) {
    for (std::int64_t j = 0; j < size[1]; ++j) {
      for (std::int64_t i = 0; i < size[0]; ++i) {
        const Shape3 place{i, j, k};
        double radius = 0;
        for (std::size_t a = 0; a < 3; ++a) {
          const double middle = 0.5 * static_cast<double>(size[a] - 1);
          const double from_middle =
              (static_cast<double>(place[a]) - middle) / (0.4 * static_cast<double>(size[a]));
          radius += from_middle * from_middle;
        }
        const bool inside = radius <= 1;
        image.voxels.push_back(static_cast<float>((inside ? 50.0 : -950.0) + random.uniform(-30, 30)));
        label.voxels.push_back(inside && radius < 0.6
                                   ? static_cast<std::uint8_t>((i / 2 + 3 * (j / 2) + 5 * (k / 2)) % 14)
                                   : std::uint8_t{0});
      }
    }
  }
  return {std::move(image), std::move(label)};
}

/// Bytes of an uncompressed NIfTI file, to be spoilt by hand.
template <class T>
std::string nifti_bytes(const Volume<T>& volume, std::int16_t datatype) {
  std::string bytes = make_nifti_header(volume.geometry, datatype, static_cast<std::int16_t>(8 * sizeof(T)));
  bytes.append(reinterpret_cast<const char*>(volume.voxels.data()), volume.voxels.size() * sizeof(T));
  return bytes;
}

/// Overwrites a field of a header. Offsets: nifti1.h.
template <class T>
void put(std::string& bytes, std::size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

inline void write_gz(const std::filesystem::path& path, const std::string& bytes) {
  write_file_atomically(path, gzip_bytes(bytes, 1));
}

/// what() of the error that `action` throws; "" if none.
template <class ErrorType, class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const ErrorType& error) {
    return error.what();
  }
  return "";
}

}  // namespace totum
