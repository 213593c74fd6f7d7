#include "data/phantom/stored_volume.h"

#include <cmath>
#include <cstring>

#include "core/files.h"
#include "data/gzip.h"
#include "data/nifti_header.h"

namespace totum {

namespace {

// Offsets of the NIfTI-1 standard (nifti1.h).
constexpr std::size_t kSlopeOffset = 112, kInterceptOffset = 116, kQformCodeOffset = 252,
                      kSformCodeOffset = 254, kQuaternionOffset = 256, kSrowOffset = 280, kSrowEnd = 328;
constexpr std::int16_t kUint8 = 2, kInt16 = 4, kFloat32 = 16;
constexpr int kGzipLevel = 2;  // noise hardly shrinks at any level; this one is quick

Geometry stored_geometry(const Geometry& ras, const AxisOrder& order) {
  Geometry stored;
  for (std::size_t row = 0; row < 3; ++row) stored.affine[row][3] = ras.affine[row][3];
  for (std::size_t a = 0; a < 3; ++a) {
    const std::size_t axis = order.axis[a];
    stored.size_xyz[axis] = ras.size_xyz[a];
    const double sign = order.flipped[a] ? -1 : 1;
    for (std::size_t row = 0; row < 3; ++row) {
      stored.affine[row][axis] = sign * ras.affine[row][a];
      if (order.flipped[a])
        stored.affine[row][3] += ras.affine[row][a] * static_cast<double>(ras.size_xyz[a] - 1);
    }
  }
  return stored;
}

// Voxels of the file in its order, converted by `convert`.
template <class To, class From, class Convert>
std::string stored_bytes(const Volume<From>& ras, const Geometry& stored, const AxisOrder& order,
                         Convert convert) {
  std::string bytes(static_cast<std::size_t>(ras.geometry.voxels()) * sizeof(To), '\0');
  const Shape3 stride{1, stored.size_xyz[0], stored.size_xyz[0] * stored.size_xyz[1]};
  const Shape3& size = ras.geometry.size_xyz;
  Shape3 step{};
  std::int64_t start = 0;
  for (std::size_t a = 0; a < 3; ++a) {
    step[a] = order.flipped[a] ? -stride[order.axis[a]] : stride[order.axis[a]];
    if (order.flipped[a]) start += stride[order.axis[a]] * (size[a] - 1);
  }
  std::size_t source = 0;
  for (std::int64_t z = 0; z < size[2]; ++z) {
    for (std::int64_t y = 0; y < size[1]; ++y) {
      std::int64_t target = start + z * step[2] + y * step[1];
      for (std::int64_t x = 0; x < size[0]; ++x, target += step[0]) {
        const To value = convert(ras.voxels[source++]);
        std::memcpy(&bytes[static_cast<std::size_t>(target) * sizeof(To)], &value, sizeof(To));
      }
    }
  }
  return bytes;
}

template <class T>
void put(std::string& header, std::size_t offset, T value) {
  std::memcpy(&header[offset], &value, sizeof(T));
}

// A header with only the forms and the scaling that `storage` asks for.
std::string make_header(const Geometry& stored, std::int16_t datatype, std::size_t voxel_bytes,
                        const Storage& storage, bool scaled) {
  std::string header = make_nifti_header(stored, datatype, static_cast<std::int16_t>(8 * voxel_bytes));
  if (!storage.qform) {
    put(header, kQformCodeOffset, std::int16_t{0});
    std::memset(&header[kQuaternionOffset], 0, kSrowOffset - kQuaternionOffset);
  }
  if (!storage.sform) {
    put(header, kSformCodeOffset, std::int16_t{0});
    std::memset(&header[kSrowOffset], 0, kSrowEnd - kSrowOffset);
  }
  if (scaled) {
    put(header, kSlopeOffset, static_cast<float>(storage.slope));
    put(header, kInterceptOffset, static_cast<float>(storage.intercept));
  }
  return header;
}

}  // namespace

void write_stored_image(const std::filesystem::path& path, const ImageVolume& image, const Storage& storage) {
  const AxisOrder order = axis_order(storage.orientation);
  const Geometry stored = stored_geometry(image.geometry, order);
  const auto to_int16 = [&](float v) {
    return static_cast<std::int16_t>(
        std::lround((static_cast<double>(v) - storage.intercept) / storage.slope));
  };
  const std::string header = make_header(stored, storage.float32 ? kFloat32 : kInt16, storage.float32 ? 4 : 2,
                                         storage, !storage.float32);
  const std::string voxels = storage.float32
                                 ? stored_bytes<float>(image, stored, order, [](float v) { return v; })
                                 : stored_bytes<std::int16_t>(image, stored, order, to_int16);
  write_file_atomically(path, gzip_bytes(header + voxels, kGzipLevel));
}

void write_stored_labels(const std::filesystem::path& path, const LabelMap& labels, const Storage& storage) {
  const AxisOrder order = axis_order(storage.orientation);
  const Geometry stored = stored_geometry(labels.geometry, order);
  const std::string header = make_header(stored, kUint8, 1, storage, false);
  const std::string voxels =
      stored_bytes<std::uint8_t>(labels, stored, order, [](std::uint8_t v) { return v; });
  write_file_atomically(path, gzip_bytes(header + voxels, kGzipLevel));
}

}  // namespace totum
