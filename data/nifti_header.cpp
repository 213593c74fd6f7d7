#include "data/nifti_header.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>

#include "core/error.h"

namespace totum {

namespace {

namespace fs = std::filesystem;
using Affine = std::array<std::array<double, 4>, 4>;

constexpr std::size_t kHeaderBytes = 348;
constexpr std::size_t kVoxelOffset = 352;
static_assert(std::endian::native == std::endian::little, "the header is read on little-endian machines");

// Offsets of the NIfTI-1 standard (nifti1.h).
constexpr std::size_t kDim = 40, kDatatype = 70, kBitpix = 72, kPixdim = 76, kVoxOffset = 108, kSlope = 112,
                      kXyztUnits = 123, kQformCode = 252, kSformCode = 254, kQuatern = 256, kQoffset = 268,
                      kSrow = 280, kMagic = 344;

class Fields {
 public:
  Fields(const std::string& file, bool swapped) : file_(file), swapped_(swapped) {}
  [[nodiscard]] std::int16_t int16(std::size_t offset) const { return get<std::int16_t>(offset); }
  [[nodiscard]] double float32(std::size_t offset) const { return static_cast<double>(get<float>(offset)); }
  template <class T>
  [[nodiscard]] T get(std::size_t offset) const {
    std::array<char, sizeof(T)> bytes{};
    std::memcpy(bytes.data(), file_.data() + offset, sizeof(T));
    if (swapped_) std::reverse(bytes.begin(), bytes.end());
    return std::bit_cast<T>(bytes);
  }

 private:
  const std::string& file_;
  bool swapped_;
};

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw DataError(fmt::format("{}: {}; replace the file with a whole 3D NIfTI-1 image", path.string(), why));
}

std::size_t bytes_of_datatype(int datatype) {
  switch (datatype) {
    case 2:
    case 256:
      return 1;
    case 4:
    case 512:
      return 2;
    case 8:
    case 16:
    case 768:
      return 4;
    case 64:
    case 1024:
    case 1280:
      return 8;
    default:
      return 0;
  }
}

Affine sform(const Fields& fields) {
  Affine affine{{{}, {}, {}, {0, 0, 0, 1}}};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 4; ++column) {
      affine[row][column] = fields.float32(kSrow + 16 * row + 4 * column);
    }
  }
  return affine;
}

// Quaternion to rotation as the NIfTI-1 standard writes it; qfac = pixdim[0] flips the third axis.
Affine qform(const Fields& fields) {
  const double b = fields.float32(kQuatern);
  const double c = fields.float32(kQuatern + 4);
  const double d = fields.float32(kQuatern + 8);
  const double a = std::sqrt(std::max(0.0, 1.0 - (b * b + c * c + d * d)));
  const double qfac = fields.float32(kPixdim) < 0 ? -1.0 : 1.0;
  const std::array<std::array<double, 3>, 3> rotation{
      {{a * a + b * b - c * c - d * d, 2 * b * c - 2 * a * d, 2 * b * d + 2 * a * c},
       {2 * b * c + 2 * a * d, a * a + c * c - b * b - d * d, 2 * c * d - 2 * a * b},
       {2 * b * d - 2 * a * c, 2 * c * d + 2 * a * b, a * a + d * d - c * c - b * b}}};
  Affine affine{{{}, {}, {}, {0, 0, 0, 1}}};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const double spacing = std::abs(fields.float32(kPixdim + 4 * (axis + 1))) * (axis == 2 ? qfac : 1.0);
      affine[row][axis] = rotation[row][axis] * spacing;
    }
    affine[row][3] = fields.float32(kQoffset + 4 * row);
  }
  return affine;
}

// nibabel's fallback without any form: voxel sizes, first axis flipped, origin in the middle of the volume.
Affine base_affine(const Fields& fields, const Shape3& size_xyz) {
  Affine affine{{{}, {}, {}, {0, 0, 0, 1}}};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double spacing = fields.float32(kPixdim + 4 * (axis + 1)) * (axis == 0 ? -1.0 : 1.0);
    affine[axis][axis] = spacing;
    affine[axis][3] = -spacing * static_cast<double>(size_xyz[axis] - 1) / 2.0;
  }
  return affine;
}

Shape3 read_size(const Fields& fields, const fs::path& path) {
  const int dimensions = fields.int16(kDim);
  if (dimensions < 1 || dimensions > 7)
    refuse(path, fmt::format("its header says {} dimensions", dimensions));
  Shape3 size{1, 1, 1};
  for (int axis = 1; axis <= dimensions; ++axis) {
    const std::int64_t length = fields.int16(kDim + 2 * static_cast<std::size_t>(axis));
    if (length < 1) refuse(path, fmt::format("its axis {} has length {}", axis, length));
    if (axis <= 3) size[static_cast<std::size_t>(axis - 1)] = length;
    if (axis > 3 && length > 1) refuse(path, fmt::format("it has {} dimensions, not 3", dimensions));
  }
  if (dimensions < 3) refuse(path, fmt::format("it has {} dimensions, not 3", dimensions));
  return size;
}

void check_affine(const Affine& affine, const fs::path& path) {
  for (const auto& row : affine) {
    for (const double value : row) {
      if (!std::isfinite(value)) refuse(path, "its affine holds values that are not finite");
    }
  }
  Geometry geometry{{1, 1, 1}, affine};
  if (voxel_volume_ml(geometry) <= 0) refuse(path, "its affine maps the voxels onto a plane");
}

void append_bytes(std::string& header, std::size_t offset, const void* value, std::size_t size) {
  std::memcpy(header.data() + offset, value, size);
}

// Columns of the affine's 3x3 part at length 1.
std::array<std::array<double, 3>, 3> directions(const Geometry& geometry) {
  const Vector3 spacing = spacing_mm_xyz(geometry);
  std::array<std::array<double, 3>, 3> r{};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t axis = 0; axis < 3; ++axis) r[row][axis] = geometry.affine[row][axis] / spacing[axis];
  }
  return r;
}

// Are the axes at right angles, so that a qform can hold them?
bool is_without_shear(const Geometry& geometry) {
  const auto r = directions(geometry);
  for (std::size_t p = 0; p < 3; ++p) {
    for (std::size_t q = p + 1; q < 3; ++q) {
      if (std::abs(r[0][p] * r[0][q] + r[1][p] * r[1][q] + r[2][p] * r[2][q]) > 1e-5) return false;
    }
  }
  return true;
}

// Rotation of an affine without shear as a quaternion (b, c, d) and qfac.
void quaternion_of(const Geometry& geometry, std::array<double, 3>& bcd, double& qfac) {
  auto r = directions(geometry);
  const double determinant = r[0][0] * (r[1][1] * r[2][2] - r[1][2] * r[2][1]) -
                             r[0][1] * (r[1][0] * r[2][2] - r[1][2] * r[2][0]) +
                             r[0][2] * (r[1][0] * r[2][1] - r[1][1] * r[2][0]);
  qfac = determinant < 0 ? -1.0 : 1.0;
  for (auto& row : r) row[2] *= qfac;
  // The largest of the four squares is divided by, so that no digits are lost (Shepperd's method).
  const double squares[4] = {1 + r[0][0] + r[1][1] + r[2][2], 1 + r[0][0] - r[1][1] - r[2][2],
                             1 - r[0][0] + r[1][1] - r[2][2], 1 - r[0][0] - r[1][1] + r[2][2]};
  const auto largest = std::max_element(squares, squares + 4) - squares;
  const double s = 2 * std::sqrt(squares[largest]);
  double a = 0;
  switch (largest) {
    case 0:
      a = s / 4;
      bcd = {(r[2][1] - r[1][2]) / s, (r[0][2] - r[2][0]) / s, (r[1][0] - r[0][1]) / s};
      break;
    case 1:
      a = (r[2][1] - r[1][2]) / s;
      bcd = {s / 4, (r[0][1] + r[1][0]) / s, (r[0][2] + r[2][0]) / s};
      break;
    case 2:
      a = (r[0][2] - r[2][0]) / s;
      bcd = {(r[0][1] + r[1][0]) / s, s / 4, (r[1][2] + r[2][1]) / s};
      break;
    default:
      a = (r[1][0] - r[0][1]) / s;
      bcd = {(r[0][2] + r[2][0]) / s, (r[1][2] + r[2][1]) / s, s / 4};
      break;
  }
  if (a < 0) bcd = {-bcd[0], -bcd[1], -bcd[2]};
}

}  // namespace

std::string read_unpacked(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    throw DataError(fmt::format("{}: there is no such file", path.string()), true);
  }
  const std::unique_ptr<gzFile_s, decltype(&gzclose)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file) refuse(path, "it can't be opened");
  gzbuffer(file.get(), 1U << 18U);
  std::string bytes;
  std::string block(1U << 20U, '\0');
  int got = 0;
  while ((got = gzread(file.get(), block.data(), static_cast<unsigned>(block.size()))) > 0) {
    bytes.append(block, 0, static_cast<std::size_t>(got));
  }
  int code = Z_OK;
  const char* message = gzerror(file.get(), &code);
  if (got < 0 || (code != Z_OK && code != Z_STREAM_END)) {
    refuse(path, fmt::format("its compressed data is damaged or cut ({})", message));
  }
  if (path.extension() == ".gz" && gzdirect(file.get()) == 1 && !bytes.empty())
    refuse(path, "it is not a gzip file");
  return bytes;
}

namespace {

template <class T>
std::int64_t count_not_finite(const Fields& fields, std::size_t offset, std::int64_t voxels) {
  std::int64_t bad = 0;
  for (std::int64_t i = 0; i < voxels; ++i) {
    bad += std::isfinite(fields.get<T>(offset + static_cast<std::size_t>(i) * sizeof(T))) ? 0 : 1;
  }
  return bad;
}

bool is_swapped(const std::string& file) {
  std::int32_t header_size = 0;
  std::memcpy(&header_size, file.data(), 4);
  return header_size == static_cast<std::int32_t>(__builtin_bswap32(kHeaderBytes));
}

}  // namespace

std::int64_t voxels_not_finite(const std::string& file, const NiftiHeader& header) {
  const Fields fields(file, is_swapped(file));
  const auto offset = static_cast<std::size_t>(fields.float32(kVoxOffset));
  constexpr int kFloat32 = 16;
  constexpr int kFloat64 = 64;
  if (header.datatype == kFloat32) return count_not_finite<float>(fields, offset, header.geometry.voxels());
  if (header.datatype == kFloat64) return count_not_finite<double>(fields, offset, header.geometry.voxels());
  return 0;
}

std::string without_orientation(std::string file) {
  std::fill_n(file.data() + kQformCode, 4, '\0');  // both codes
  return file;
}

NiftiHeader parse_nifti_header(const std::string& file, const fs::path& path) {
  if (file.empty()) refuse(path, "it is empty");
  if (file.size() < kVoxelOffset)
    refuse(path, fmt::format("it has {} bytes, less than a NIfTI header", file.size()));
  std::int32_t header_size = 0;
  std::memcpy(&header_size, file.data(), 4);
  const bool swapped = is_swapped(file);
  if (!swapped && header_size != static_cast<std::int32_t>(kHeaderBytes))
    refuse(path, "it is not a NIfTI-1 file");
  if (std::memcmp(file.data() + kMagic, "n+1\0", 4) != 0)
    refuse(path, "it is not a NIfTI-1 single file (magic \"n+1\")");
  const Fields fields(file, swapped);
  NiftiHeader header;
  header.geometry.size_xyz = read_size(fields, path);
  header.datatype = fields.int16(kDatatype);
  const std::size_t voxel_bytes = bytes_of_datatype(header.datatype);
  if (voxel_bytes == 0) refuse(path, fmt::format("its data type {} is not a scalar type", header.datatype));
  const double offset = fields.float32(kVoxOffset);
  const std::size_t needed = voxel_bytes * static_cast<std::size_t>(header.geometry.voxels());
  if (!(offset >= 0) || offset > 1e9 || file.size() < static_cast<std::size_t>(offset) + needed) {
    refuse(path, fmt::format("it is cut: {} bytes of voxels at offset {} do not fit into its {} bytes",
                             needed, offset, file.size()));
  }
  const bool has_sform = fields.int16(kSformCode) > 0;
  const bool has_qform = fields.int16(kQformCode) > 0;
  header.geometry.affine = has_sform   ? sform(fields)
                           : has_qform ? qform(fields)
                                       : base_affine(fields, header.geometry.size_xyz);
  check_affine(header.geometry.affine, path);
  if (has_sform && has_qform) {
    header.forms_disagree = !same_grid(header.geometry, {header.geometry.size_xyz, qform(fields)}, 0.1);
  }
  return header;
}

std::string make_nifti_header(const Geometry& geometry, std::int16_t datatype, std::int16_t bits) {
  std::string header(kVoxelOffset, '\0');
  const auto put16 = [&](std::size_t offset, std::int16_t value) { append_bytes(header, offset, &value, 2); };
  const auto put32 = [&](std::size_t offset, double value) {
    const auto narrow = static_cast<float>(value);
    append_bytes(header, offset, &narrow, 4);
  };
  const auto header_bytes = static_cast<std::int32_t>(kHeaderBytes);
  append_bytes(header, 0, &header_bytes, 4);
  header[38] = 'r';
  put16(kDim, 3);
  const Vector3 spacing = spacing_mm_xyz(geometry);
  for (std::size_t axis = 0; axis < 7; ++axis) {
    put16(kDim + 2 * (axis + 1),
          axis < 3 ? static_cast<std::int16_t>(geometry.size_xyz[axis]) : std::int16_t{1});
    put32(kPixdim + 4 * (axis + 1), axis < 3 ? spacing[axis] : 1.0);
  }
  put16(kDatatype, datatype);
  put16(kBitpix, bits);
  put32(kVoxOffset, static_cast<double>(kVoxelOffset));
  put32(kSlope, 1.0);
  header[kXyztUnits] = 2;  // millimetres
  std::array<double, 3> bcd{};
  double qfac = 1;
  const bool has_quaternion = is_without_shear(geometry);
  if (has_quaternion) quaternion_of(geometry, bcd, qfac);
  put32(kPixdim, qfac);
  put16(kQformCode, has_quaternion ? std::int16_t{1} : std::int16_t{0});
  put16(kSformCode, 1);
  for (std::size_t row = 0; row < 3; ++row) {
    put32(kQuatern + 4 * row, bcd[row]);
    put32(kQoffset + 4 * row, geometry.affine[row][3]);
    for (std::size_t column = 0; column < 4; ++column) {
      put32(kSrow + 16 * row + 4 * column, geometry.affine[row][column]);
    }
  }
  append_bytes(header, kMagic, "n+1", 4);
  return header;
}

std::string gzip_bytes(const std::string& bytes, int level) {
  z_stream stream{};
  constexpr int kGzip = 15 + 16;
  if (deflateInit2(&stream, level, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw RunError("zlib can't compress");
  std::string packed(deflateBound(&stream, bytes.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int code = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (code != Z_STREAM_END) throw RunError("zlib failed to compress");
  return packed;
}

}  // namespace totum
