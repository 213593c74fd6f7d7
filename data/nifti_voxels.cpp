#include "data/nifti_voxels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

namespace totum {

namespace {

template <class T>
T load(const char* from, bool swapped) {
  std::array<char, sizeof(T)> bytes{};
  std::memcpy(bytes.data(), from, sizeof(T));
  if (swapped) std::reverse(bytes.begin(), bytes.end());
  return std::bit_cast<T>(bytes);
}

// Calls action(T{}) with the type that a header's data type stands for.
template <class Action>
void with_type(int datatype, Action&& action) {
  switch (datatype) {
    case 2:
      return action(std::uint8_t{});
    case 4:
      return action(std::int16_t{});
    case 8:
      return action(std::int32_t{});
    case 16:
      return action(float{});
    case 64:
      return action(double{});
    case 256:
      return action(std::int8_t{});
    case 512:
      return action(std::uint16_t{});
    case 768:
      return action(std::uint32_t{});
    case 1024:
      return action(std::int64_t{});
    case 1280:
      return action(std::uint64_t{});
    default:  // refused with the header
      return;
  }
}

bool is_scaled(const NiftiHeader& header) { return header.slope != 1 || header.intercept != 0; }

std::size_t count_of(const NiftiHeader& header) { return static_cast<std::size_t>(header.geometry.voxels()); }

// Whole numbers as they are stored: one pass without a branch, and a second look only if something is unfit.
template <class T, class Stored>
void copy_whole(const char* from, bool swapped, T least, T most, WholeVoxels<T>& out) {
  bool fits = true;
  for (std::size_t i = 0; i < out.values.size(); ++i) {
    const auto value = load<Stored>(from + i * sizeof(Stored), swapped);
    fits &= std::cmp_greater_equal(value, least) & std::cmp_less_equal(value, most);
    out.values[i] = static_cast<T>(value);
  }
  if (fits) return;
  for (std::size_t i = 0; i < out.values.size() && out.unfit == kNoVoxel; ++i) {
    const auto value = load<Stored>(from + i * sizeof(Stored), swapped);
    if (std::cmp_greater_equal(value, least) && std::cmp_less_equal(value, most)) continue;
    out.unfit = i;
    out.unfit_value = static_cast<double>(value);
  }
}

// Numbers that should be whole; float32 is how exact they are asked to be.
template <class T, class Stored>
void round_whole(const char* from, const NiftiHeader& header, T least, T most, WholeVoxels<T>& out) {
  constexpr double kNearly = 1e-3;
  for (std::size_t i = 0; i < out.values.size(); ++i) {
    const auto stored = static_cast<double>(load<Stored>(from + i * sizeof(Stored), header.swapped));
    const double exact = is_scaled(header) ? stored * header.slope + header.intercept : stored;
    const auto value = static_cast<double>(static_cast<float>(exact));
    const double whole = std::round(value);
    if (std::abs(value - whole) <= kNearly && whole >= static_cast<double>(least) &&
        whole <= static_cast<double>(most)) {  // false for NaN
      out.values[i] = static_cast<T>(whole);
      out.rounded += value != whole ? 1 : 0;
    } else if (out.unfit == kNoVoxel) {
      out.unfit = i;
      out.unfit_value = value;
    }
  }
}

template <class T>
WholeVoxels<T> whole_voxels(std::string_view file, const NiftiHeader& header, T least, T most) {
  WholeVoxels<T> out;
  out.values.resize(count_of(header));
  const char* from = file.data() + header.voxel_offset;
  with_type(header.datatype, [&]<class Stored>(Stored) {
    if constexpr (std::is_integral_v<Stored>) {
      if (!is_scaled(header)) return copy_whole<T, Stored>(from, header.swapped, least, most, out);
    }
    round_whole<T, Stored>(from, header, least, most, out);
  });
  return out;
}

}  // namespace

std::vector<float> voxels_as_float(std::string_view file, const NiftiHeader& header) {
  std::vector<float> voxels(count_of(header));
  const char* from = file.data() + header.voxel_offset;
  with_type(header.datatype, [&]<class Stored>(Stored) {
    if (!is_scaled(header)) {
      for (std::size_t i = 0; i < voxels.size(); ++i)
        voxels[i] = static_cast<float>(load<Stored>(from + i * sizeof(Stored), header.swapped));
      return;
    }
    for (std::size_t i = 0; i < voxels.size(); ++i) {
      const auto stored = static_cast<double>(load<Stored>(from + i * sizeof(Stored), header.swapped));
      voxels[i] = static_cast<float>(stored * header.slope + header.intercept);
    }
  });
  return voxels;
}

WholeVoxels<std::uint8_t> voxels_as_labels(std::string_view file, const NiftiHeader& header,
                                           std::uint8_t most) {
  return whole_voxels<std::uint8_t>(file, header, 0, most);
}

WholeVoxels<std::int32_t> voxels_as_int32(std::string_view file, const NiftiHeader& header) {
  return whole_voxels<std::int32_t>(file, header, std::numeric_limits<std::int32_t>::min(),
                                    std::numeric_limits<std::int32_t>::max());
}

}  // namespace totum
