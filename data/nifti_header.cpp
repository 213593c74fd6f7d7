#include "data/nifti_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

#include "core/error.h"
#include "data/nifti_affine.h"

namespace totum {

namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "the header is read on little-endian machines");

// Where the fields stand and how wide they are.
struct Layout {
  std::size_t header_bytes, least_offset;
  std::size_t dim, datatype, pixdim, vox_offset, slope, units, qform_code, sform_code, quatern, qoffset, srow;
  bool wide;  // NIfTI-2: dim and vox_offset are int64, codes int32, numbers float64
};
constexpr Layout kNifti1{348, 352, 40, 70, 76, 108, 112, 123, 252, 254, 256, 268, 280, false};  // nifti1.h
constexpr Layout kNifti2{540, 544, 16, 12, 104, 168, 176, 500, 344, 348, 352, 376, 400, true};  // nifti2.h
constexpr std::size_t kBitpix1 = 72, kMagic1 = 344, kMagic2 = 4;

class Fields {
 public:
  Fields(std::string_view start, const Layout& layout, bool swapped)
      : start_(start), layout_(layout), swapped_(swapped) {}
  [[nodiscard]] std::int64_t length(std::size_t axis) const {
    return layout_.wide ? get<std::int64_t>(layout_.dim + 8 * axis)
                        : get<std::int16_t>(layout_.dim + 2 * axis);
  }
  [[nodiscard]] int datatype() const { return get<std::int16_t>(layout_.datatype); }
  [[nodiscard]] int code(std::size_t offset) const {
    return layout_.wide ? get<std::int32_t>(offset) : get<std::int16_t>(offset);
  }
  [[nodiscard]] int units() const {
    return layout_.wide ? get<std::int32_t>(layout_.units) : get<std::uint8_t>(layout_.units);
  }
  [[nodiscard]] double voxel_offset() const {
    return layout_.wide ? static_cast<double>(get<std::int64_t>(layout_.vox_offset))
                        : number(layout_.vox_offset);
  }
  /// Element `i` of an array of numbers that starts at `offset`.
  [[nodiscard]] double number(std::size_t offset, std::size_t i = 0) const {
    return layout_.wide ? get<double>(offset + 8 * i) : static_cast<double>(get<float>(offset + 4 * i));
  }
  [[nodiscard]] const Layout& layout() const { return layout_; }

 private:
  template <class T>
  [[nodiscard]] T get(std::size_t offset) const {
    std::array<char, sizeof(T)> bytes{};
    std::memcpy(bytes.data(), start_.data() + offset, sizeof(T));
    if (swapped_) std::reverse(bytes.begin(), bytes.end());
    return std::bit_cast<T>(bytes);
  }
  std::string_view start_;
  const Layout& layout_;
  bool swapped_;
};

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw DataError(fmt::format("{}: {}; replace the file with a whole 3D NIfTI image", path.string(), why));
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

// The first number of a file is its header's length, and tells the byte order.
std::optional<Fields> fields_of(std::string_view start, const fs::path& path) {
  std::uint32_t length = 0;
  std::memcpy(&length, start.data(), 4);
  for (const Layout* layout : {&kNifti1, &kNifti2}) {
    const auto wanted = static_cast<std::uint32_t>(layout->header_bytes);
    const bool swapped = length == __builtin_bswap32(wanted);
    if (length != wanted && !swapped) continue;
    if (start.size() < layout->least_offset)
      refuse(path, fmt::format("it has {} bytes, less than a NIfTI header", start.size()));
    const bool is_single = layout->wide ? std::memcmp(start.data() + kMagic2, "n+2\0\r\n\032\n", 8) == 0
                                        : std::memcmp(start.data() + kMagic1, "n+1\0", 4) == 0;
    if (!is_single)
      refuse(path, fmt::format("it is not a NIfTI single file (magic \"{}\")", layout->wide ? "n+2" : "n+1"));
    return Fields(start, *layout, swapped);
  }
  return std::nullopt;
}

Shape3 read_size(const Fields& fields, const fs::path& path) {
  const std::int64_t dimensions = fields.length(0);
  if (dimensions < 1 || dimensions > 7)
    refuse(path, fmt::format("its header says {} dimensions", dimensions));
  Shape3 size{1, 1, 1};
  for (std::size_t axis = 1; axis <= static_cast<std::size_t>(dimensions); ++axis) {
    const std::int64_t length = fields.length(axis);
    if (length < 1) refuse(path, fmt::format("its axis {} has length {}", axis, length));
    if (axis <= 3) size[axis - 1] = length;
    if (axis > 3 && length > 1) refuse(path, fmt::format("it has {} dimensions, not 3", dimensions));
  }
  if (dimensions < 3) refuse(path, fmt::format("it has {} dimensions, not 3", dimensions));
  // Divided, since the product of three such lengths may not fit into 64 bits.
  if (size[0] > kMostVoxels || size[1] > kMostVoxels / size[0] ||
      size[2] > kMostVoxels / (size[0] * size[1])) {
    throw DataError(
        fmt::format("{}: it has {} x {} x {} voxels, more than the {} that totum reads; cut or "
                    "resample it",
                    path.string(), size[0], size[1], size[2], kMostVoxels));
  }
  return size;
}

std::size_t read_offset(const Fields& fields, const fs::path& path) {
  const double offset = fields.voxel_offset();
  const auto least = static_cast<double>(fields.layout().least_offset);
  if (!(offset >= least))
    refuse(path, fmt::format("its voxels begin at byte {} (vox_offset), within its header of {} bytes",
                             offset, least));
  if (offset != std::floor(offset))
    refuse(path, fmt::format("its voxels begin at byte {} (vox_offset), which is no whole number", offset));
  if (offset > static_cast<double>(kMostVoxels))
    refuse(path,
           fmt::format("its voxels begin at byte {} (vox_offset), beyond any file that totum reads", offset));
  return static_cast<std::size_t>(offset);
}

NiftiForms read_forms(const Fields& fields) {
  const Layout& at = fields.layout();
  NiftiForms forms;
  forms.qform_code = fields.code(at.qform_code);
  forms.sform_code = fields.code(at.sform_code);
  for (std::size_t i = 0; i < forms.pixdim.size(); ++i) forms.pixdim[i] = fields.number(at.pixdim, i);
  for (std::size_t row = 0; row < 3; ++row) {
    forms.quatern[row] = fields.number(at.quatern, row);
    forms.qoffset[row] = fields.number(at.qoffset, row);
    for (std::size_t column = 0; column < 4; ++column)
      forms.srow[row][column] = fields.number(at.srow, 4 * row + column);
  }
  return forms;
}

double mm_per_unit(int unit) {
  constexpr int kMetre = 1;
  constexpr int kMicron = 3;
  if (unit == kMetre) return 1000;
  return unit == kMicron ? 1e-3 : 1;
}

void check_affine(const Affine& affine, const fs::path& path) {
  for (const auto& row : affine) {
    for (const double value : row) {
      if (!std::isfinite(value)) refuse(path, "its affine holds values that are not finite");
    }
  }
  if (voxel_volume_ml({{1, 1, 1}, affine}) <= 0) refuse(path, "its affine maps the voxels onto a plane");
}

// scl_slope 0 says that voxels are not scaled, whatever scl_inter holds (nifti1.h); not finite says no more.
void read_scaling(const Fields& fields, NiftiHeader& header) {
  const double slope = fields.number(fields.layout().slope);
  const double intercept = fields.number(fields.layout().slope, 1);
  if (slope == 0 || !std::isfinite(slope)) return;
  header.slope = slope;
  header.intercept_ignored = !std::isfinite(intercept);
  header.intercept = header.intercept_ignored ? 0.0 : intercept;
}

bool is_big_endian(std::string_view start) { return start[0] == '\0'; }  // of 348 and 540

}  // namespace

NiftiHeader parse_nifti_start(std::string_view start, const fs::path& path) {
  if (start.empty()) refuse(path, "it is empty");
  if (start.size() < kNifti1.least_offset)
    refuse(path, fmt::format("it has {} bytes, less than a NIfTI header", start.size()));
  const auto fields = fields_of(start, path);
  if (!fields) refuse(path, "it is not a NIfTI file");
  NiftiHeader header;
  header.swapped = is_big_endian(start);
  header.geometry.size_xyz = read_size(*fields, path);
  header.datatype = fields->datatype();
  header.voxel_bytes = bytes_of_datatype(header.datatype);
  if (header.voxel_bytes == 0)
    refuse(path, fmt::format("its data type {} is not a scalar type", header.datatype));
  header.voxel_offset = read_offset(*fields, path);
  read_scaling(*fields, header);
  header.unit = fields->units() & 7;
  const NiftiForms forms = read_forms(*fields);
  const double scale = mm_per_unit(header.unit);
  header.geometry.affine = affine_of(forms, header.geometry.size_xyz, scale);
  check_affine(header.geometry.affine, path);
  if (forms.sform_code > 0 && forms.qform_code > 0) {
    header.forms_disagree =
        !same_grid(header.geometry, {header.geometry.size_xyz, qform_affine(forms, scale)}, 0.1);
  }
  return header;
}

std::size_t announced_bytes(const NiftiHeader& header) {
  return header.voxel_offset + header.voxel_bytes * static_cast<std::size_t>(header.geometry.voxels());
}

NiftiHeader parse_nifti_header(std::string_view file, const fs::path& path) {
  NiftiHeader header = parse_nifti_start(file, path);
  if (file.size() < announced_bytes(header)) {
    refuse(path,
           fmt::format("it is cut: {} bytes of voxels at offset {} do not fit into its {} bytes",
                       announced_bytes(header) - header.voxel_offset, header.voxel_offset, file.size()));
  }
  return header;
}

std::string make_nifti_header(const Geometry& geometry, std::int16_t datatype, std::int16_t bits) {
  std::string header(kNifti1.least_offset, '\0');
  const auto put = [&](std::size_t offset, const auto& value) {
    std::memcpy(header.data() + offset, &value, sizeof(value));
  };
  const auto put_number = [&](std::size_t offset, std::size_t i, double value) {
    put(offset + 4 * i, static_cast<float>(value));
  };
  const NiftiForms forms = forms_of(geometry);
  put(0, static_cast<std::int32_t>(kNifti1.header_bytes));
  header[38] = 'r';
  put(kNifti1.dim, std::int16_t{3});
  for (std::size_t axis = 0; axis < 7; ++axis)
    put(kNifti1.dim + 2 * (axis + 1),
        axis < 3 ? static_cast<std::int16_t>(geometry.size_xyz[axis]) : std::int16_t{1});
  put(kNifti1.datatype, datatype);
  put(kBitpix1, bits);
  for (std::size_t i = 0; i < 8; ++i) put_number(kNifti1.pixdim, i, forms.pixdim[i]);
  put_number(kNifti1.vox_offset, 0, static_cast<double>(kNifti1.least_offset));
  put_number(kNifti1.slope, 0, 1.0);
  header[kNifti1.units] = 2;  // millimetres
  put(kNifti1.qform_code, static_cast<std::int16_t>(forms.qform_code));
  put(kNifti1.sform_code, static_cast<std::int16_t>(forms.sform_code));
  for (std::size_t row = 0; row < 3; ++row) {
    put_number(kNifti1.quatern, row, forms.quatern[row]);
    put_number(kNifti1.qoffset, row, forms.qoffset[row]);
    for (std::size_t column = 0; column < 4; ++column)
      put_number(kNifti1.srow, 4 * row + column, forms.srow[row][column]);
  }
  std::memcpy(header.data() + kMagic1, "n+1", 4);
  return header;
}

}  // namespace totum
