#include "data/nifti.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <new>
#include <stdexcept>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "data/gzip.h"
#include "data/nifti_header.h"
#include "data/nifti_voxels.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

struct UnpackedFile {
  NiftiHeader header;
  std::string unpacked;  // empty if the file was not packed
  std::string_view bytes;
};

void unpack_checked(std::string_view file, const fs::path& path, UnpackedFile& out) {
  if (!is_gzip(file)) {
    if (path.extension() == ".gz" && !file.empty())
      throw DataError(
          fmt::format("{}: it is not a gzip file; replace the file with a whole one", path.string()));
    out.header = parse_nifti_header(file, path);
    out.bytes = file;
    return;
  }
  const NiftiHeader header = parse_nifti_start(unpack_start(file, kLongestHeader, path), path);
  out.unpacked = unpack(file, announced_bytes(header), path);
  out.header = parse_nifti_header(out.unpacked, path);
  out.bytes = out.unpacked;
}

// Whatever fails while one image is read is a fault of that image.
template <class Action>
auto guarded(const fs::path& path, Action&& action) {
  const auto no_memory = [&] {
    return DataError(fmt::format("{}: there is not enough memory to read it", path.string()));
  };
  try {
    return action();
  } catch (const std::bad_alloc&) {
    throw no_memory();
  } catch (const std::length_error&) {
    throw no_memory();
  }
}

void warn(const NiftiHeader& header, const fs::path& path) {
  const auto say = [&](const std::string& what) { log_warning(fmt::format("{}: {}", path.string(), what)); };
  if (header.forms_disagree) say("sform and qform disagree; the sform is used");
  if (header.unit > 3) say(fmt::format("its unit of length {} is unknown; taken as mm", header.unit));
  if (header.intercept_ignored) say("its scl_inter is not finite; taken as 0");
  const Vector3 edges = spacing_mm_xyz(header.geometry);
  constexpr double kLeast = 0.05;
  constexpr double kMost = 20;
  const auto [shortest, longest] = std::minmax_element(edges.begin(), edges.end());
  if (*shortest < kLeast || *longest > kMost) {
    say(fmt::format(
        "its voxels measure {:.4g} x {:.4g} x {:.4g} mm; edges outside {}..{} mm are implausible, "
        "see whether the unit of length in its header (xyzt_units) is right",
        edges[0], edges[1], edges[2], kLeast, kMost));
  }
}

template <class T>
Volume<T> label_volume(const NiftiHeader& header, WholeVoxels<T> read, const char* wanted,
                       const fs::path& path) {
  if (read.unfit != kNoVoxel) {
    if (!std::isfinite(read.unfit_value))
      throw DataError(
          fmt::format("{}: voxel {} is NaN or infinite; repair the image", path.string(), read.unfit));
    throw DataError(fmt::format("{}: voxel {} has the label {}; {}", path.string(), read.unfit,
                                read.unfit_value, wanted));
  }
  if (read.rounded > 0) {
    log_warning(fmt::format(
        "{}: its labels are no whole numbers in {} of {} voxels, but within 0.001 of one; they are "
        "rounded",
        path.string(), read.rounded, read.values.size()));
  }
  return {header.geometry, std::move(read.values)};
}

template <class T>
void write_volume(const fs::path& path, const Volume<T>& volume, std::int16_t datatype) {
  for (const std::int64_t length : volume.geometry.size_xyz) {
    if (length < 1 || length > 32767)
      throw DataError(fmt::format("{}: NIfTI-1 can't hold an axis of {} voxels", path.string(), length));
  }
  std::string bytes = make_nifti_header(volume.geometry, datatype, static_cast<std::int16_t>(8 * sizeof(T)));
  bytes.append(reinterpret_cast<const char*>(volume.voxels.data()), volume.voxels.size() * sizeof(T));
  constexpr int kLevel = 4;  // label maps shrink to about 1 % at any level; this one is quick
  write_file_atomically(path, gzip_bytes(bytes, kLevel));
}

}  // namespace

std::string read_nifti_bytes(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error))
    throw DataError(fmt::format("{}: there is no such file", path.string()), true);
  const auto most = 8 * static_cast<std::uintmax_t>(kMostVoxels) + kUnpackedSlack;
  const auto size = fs::file_size(path, error);
  if (!error && size > most)
    throw DataError(
        fmt::format("{}: it has {} bytes, more than the {} that totum reads", path.string(), size, most));
  return guarded(path, [&] { return read_file(path); });
}

std::string read_unpacked(const fs::path& path) {
  const std::string file = read_nifti_bytes(path);
  return guarded(path, [&] {
    UnpackedFile image;
    unpack_checked(file, path, image);
    return std::string(image.bytes);
  });
}

NiftiHeader read_nifti_header(const fs::path& path) {
  const std::string file = read_nifti_bytes(path);
  return guarded(path, [&] {
    UnpackedFile image;
    unpack_checked(file, path, image);
    return image.header;
  });
}

ImageVolume decode_image(std::string_view file, const fs::path& path) {
  return guarded(path, [&] {
    UnpackedFile image;
    unpack_checked(file, path, image);
    warn(image.header, path);
    ImageVolume volume{image.header.geometry, voxels_as_float(image.bytes, image.header)};
    const auto bad = std::count_if(volume.voxels.begin(), volume.voxels.end(),
                                   [](float value) { return !std::isfinite(value); });
    if (bad > 0) {
      throw DataError(fmt::format("{}: {} of {} voxels are NaN or infinite; repair the image", path.string(),
                                  bad, volume.voxels.size()));
    }
    return volume;
  });
}

LabelMap decode_label(std::string_view file, const fs::path& path) {
  return guarded(path, [&] {
    UnpackedFile image;
    unpack_checked(file, path, image);
    warn(image.header, path);
    constexpr std::uint8_t kBladder = 14;
    constexpr std::uint8_t kLast = 15;
    LabelMap labels = label_volume(image.header, voxels_as_labels(image.bytes, image.header, kLast),
                                   "AMOS22's labels are 0..15", path);
    for (std::uint8_t& value : labels.voxels) value = value >= kBladder ? std::uint8_t{0} : value;
    return labels;
  });
}

ImageVolume read_image(const fs::path& path) { return decode_image(read_nifti_bytes(path), path); }

LabelMap read_label(const fs::path& path) { return decode_label(read_nifti_bytes(path), path); }

LabelValues read_label_values(const fs::path& path) {
  const std::string file = read_nifti_bytes(path);
  return guarded(path, [&] {
    UnpackedFile image;
    unpack_checked(file, path, image);
    warn(image.header, path);
    return label_volume(image.header, voxels_as_int32(image.bytes, image.header),
                        "a label is a whole number of at most 31 bits", path);
  });
}

Geometry as_stored(Geometry geometry) {
  for (auto& row : geometry.affine) {
    for (double& value : row) value = static_cast<double>(static_cast<float>(value));
  }
  return geometry;
}

void write_label_map(const fs::path& path, const LabelMap& labels) {
  constexpr std::int16_t kUint8 = 2;
  write_volume(path, labels, kUint8);
}

void write_image(const fs::path& path, const ImageVolume& image) {
  constexpr std::int16_t kFloat32 = 16;
  write_volume(path, image, kFloat32);
}

}  // namespace totum
